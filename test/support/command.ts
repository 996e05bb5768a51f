import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { inject } from "vitest";
import { programEnvironment } from "./spawned-server.ts";

export interface CommandResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunningCommand {
  process: ChildProcess;
  result: Promise<CommandResult>;
}

/** Starts the compiled `stowage` with these arguments, this input and nothing else of this environment. */
export function startCommand(
  args: string[],
  env: Record<string, string>,
  input: string | Uint8Array = "",
): RunningCommand {
  const main = resolve(inject("buildFolder"), "programs/command.js");
  const child = spawn(process.execPath, [main, ...args], { env: { ...programEnvironment(), ...env } });
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const exited = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  const result = Promise.all([exited, text(child.stdout), text(child.stderr)]).then(
    ([[code, signal], stdout, stderr]) => ({ code, signal, stdout, stderr }),
  );
  return { process: child, result };
}

export function runCommand(args: string[], env: Record<string, string>, input?: string | Uint8Array) {
  return startCommand(args, env, input).result;
}
