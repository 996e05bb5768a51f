import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The path of an installed program. */
export function find(program: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin", "/usr/bin"];
  return folders.map((folder) => join(folder, program)).find(existsSync);
}

export interface Requirement {
  programs: readonly string[];
  /** Debian's, which have the programs. */
  packages: readonly string[];
  /** What needs them, as in "for …". */
  purpose: string;
  /** What to do where they can't be installed: a sentence. */
  advice: string;
}

/** Test files run side by side, and apt-get refuses to. */
const LOCK = join(tmpdir(), "stowage-apt-get.lock");

/** Installs the packages where a program is missing and that can be done. @throws Error with the advice otherwise */
export function ensureInstalled({ programs, packages, purpose, advice }: Requirement): void {
  const missing = () => programs.filter((program) => find(program) === undefined);
  if (missing().length === 0) return;
  const isRoot = process.getuid?.() === 0;
  const sudo = isRoot ? [] : ["sudo", "-n"];
  if (find("apt-get") === undefined || (!isRoot && find("sudo") === undefined)) throw new Error(advice);
  console.log(`Installing ${packages.join(" and ")} with apt-get, for ${purpose}`);
  const aptGet = (...args: string[]) => {
    const command = [...sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", ...args];
    execFileSync("flock", ["--close", LOCK, ...command], { stdio: ["ignore", "ignore", "inherit"] });
  };
  try {
    aptGet("update", "-qq");
    aptGet("install", "-y", "-qq", "--no-install-recommends", ...packages);
  } catch (cause) {
    throw new Error(advice, { cause });
  }
  if (missing().length > 0) throw new Error(`${missing().join(" and ")} was installed but is not found.`);
}
