import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { inject } from "vitest";
import { programEnvironment } from "./spawned-server.ts";

/** One run of the compiled `stowage-admin`. */
export interface AdminRun {
  process: ChildProcess;
  /** Everything it printed so far, errors too. */
  output(): string;
  /** The exit code, or null when a signal ended it, and all that it printed. */
  ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

/** @param settings its environment, and nothing else of this one */
export function runAdmin(args: readonly string[], settings: Record<string, string>): AdminRun {
  const main = resolve(inject("buildFolder"), "programs/admin.js");
  // setpriv ends it with the test run, however that ends.
  const command = ["--pdeathsig=KILL", process.execPath, "--enable-source-maps", main, ...args];
  const child = spawn("setpriv", command, {
    env: { ...programEnvironment(), ...settings },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const printed = { stdout: "", stderr: "" };
  child.stdout.on("data", (data: Buffer) => {
    printed.stdout += data;
  });
  child.stderr.on("data", (data: Buffer) => {
    printed.stderr += data;
  });
  const ended = (async () => {
    const [code] = (await once(child, "close")) as [number | null];
    return { code, ...printed };
  })();
  return { process: child, output: () => printed.stdout + printed.stderr, ended };
}
