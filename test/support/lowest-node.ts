import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { arch, tmpdir } from "node:os";
import { join } from "node:path";

/** The oldest Node on which the command and the library are promised to run. */
const VERSION = "20.19.0";

/** Its path; npm's registry has it as a package, which is kept for the next run. */
export function lowestNode(): string {
  const kept = join(tmpdir(), `stowage-node-${VERSION}-${arch()}`);
  const binary = join(kept, "node_modules/node/bin/node");
  if (existsSync(binary)) return binary;
  const folder = mkdtempSync(join(tmpdir(), "stowage-node-"));
  console.log(`Installing Node ${VERSION} from npm's registry, for the tests of the command on it`);
  const alias = `node@npm:node-linux-${arch()}@${VERSION}`;
  execFileSync("npm", ["install", "--prefix", folder, "--no-save", "--ignore-scripts", alias], { stdio: "ignore" });
  try {
    renameSync(folder, kept);
  } catch {
    // Another run was quicker.
    rmSync(folder, { recursive: true, force: true });
  }
  return binary;
}
