import { type Browser, chromium } from "playwright-core";
import { ensureInstalled, find } from "./debian-packages.ts";

/** `chromium-headless-shell` is Chromium without its windows, menus and PDF viewer: it takes half the time. */
type Program = "chromium" | "chromium-headless-shell";

/** The program's path; it is installed where it is missing and that can be done. */
function pathOf(program: Program): string {
  const given = process.env["TEST_CHROMIUM"];
  if (given) return given;
  ensureInstalled({
    programs: [program],
    packages: [program],
    purpose: "the tests of the web page",
    advice: `The tests need Chromium: install ${program} (Debian), or set TEST_CHROMIUM to the path of yours.`,
  });
  return find(program) as string;
}

/** @param args for Chromium itself */
export function launchBrowser(
  args: readonly string[] = [],
  program: Program = "chromium-headless-shell",
): Promise<Browser> {
  // As root, as in a container, Chromium has no sandbox of its own.
  return chromium.launch({ executablePath: pathOf(program), args: ["--no-sandbox", ...args] });
}
