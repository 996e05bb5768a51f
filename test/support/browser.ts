import { type Browser, chromium } from "playwright-core";
import { ensureInstalled, find } from "./debian-packages.ts";

/** Chromium's path; it is installed where it is missing and that can be done. */
function chromiumPath(): string {
  const given = process.env["TEST_CHROMIUM"];
  if (given) return given;
  ensureInstalled({
    programs: ["chromium"],
    packages: ["chromium"],
    purpose: "the tests of the web page",
    advice: "The tests need Chromium: install chromium (Debian), or set TEST_CHROMIUM to the path of yours.",
  });
  return find("chromium") as string;
}

/** @param args for Chromium itself */
export function launchBrowser(args: readonly string[] = []): Promise<Browser> {
  // As root, as in a container, Chromium has no sandbox of its own.
  return chromium.launch({ executablePath: chromiumPath(), args: ["--no-sandbox", ...args] });
}
