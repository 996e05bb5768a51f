import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

const PACKAGE = "chromium";

function find(program: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin"];
  return folders.map((folder) => join(folder, program)).find(existsSync);
}

/** Installs Chromium from Debian's packages where it is missing and that can be done. */
function ensureInstalled(): string {
  const there = process.env["TEST_CHROMIUM"] ?? find(PACKAGE);
  if (there !== undefined) return there;
  const advice = `The tests need Chromium: install ${PACKAGE} (Debian), or set TEST_CHROMIUM to the path of yours.`;
  const isRoot = process.getuid?.() === 0;
  if (find("apt-get") === undefined || (!isRoot && find("sudo") === undefined)) throw new Error(advice);
  console.log(`Installing ${PACKAGE} with apt-get, for the tests of the web page`);
  const aptGet = (...args: string[]) => {
    const [command = "", ...rest] = [
      ...(isRoot ? [] : ["sudo", "-n"]),
      "env",
      "DEBIAN_FRONTEND=noninteractive",
      "apt-get",
      ...args,
    ];
    execFileSync(command, rest, { stdio: ["ignore", "ignore", "inherit"] });
  };
  try {
    aptGet("update", "-qq");
    aptGet("install", "-y", "-qq", "--no-install-recommends", PACKAGE);
  } catch (cause) {
    throw new Error(advice, { cause });
  }
  const installed = find(PACKAGE);
  if (installed === undefined) throw new Error("Chromium was installed but is not found.");
  return installed;
}

/** @param args for Chromium itself */
export function launchBrowser(args: readonly string[] = []): Promise<Browser> {
  // As root, as in a container, Chromium has no sandbox of its own.
  return chromium.launch({ executablePath: ensureInstalled(), args: ["--no-sandbox", ...args] });
}
