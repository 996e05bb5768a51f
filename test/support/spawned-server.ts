import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { inject } from "vitest";

export interface SpawnedServer {
  url: string;
  process: ChildProcess;
  /** Everything it printed so far. */
  output(): string;
  /** Sends the signal and waits for the end. @returns the exit code, or null when the signal ended it */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

const START_TIMEOUT_MS = 90_000;

/** What each program of ours has in its environment; what one start compiled, the next needn't. */
export function programEnvironment(): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "",
    NODE_COMPILE_CACHE: resolve(inject("buildFolder"), "compile-cache"),
  };
}

/** Starts the compiled service without waiting until it listens. */
export function launch(settings: Record<string, string>, nodeOptions: readonly string[] = []) {
  const main = resolve(inject("buildFolder"), "programs/server.js");
  // setpriv ends the server with the test run, however that ends.
  const command = ["--pdeathsig=KILL", process.execPath, ...nodeOptions, "--enable-source-maps", main];
  return spawn("setpriv", command, {
    env: { ...programEnvironment(), PORT: "0", ...settings },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Starts the service with settings that it must refuse, and waits for its end. */
export async function failToStart(settings: Record<string, string>) {
  const child = launch(settings, []);
  const timer = setTimeout(() => child.kill("SIGKILL"), START_TIMEOUT_MS);
  const ended = once(child, "exit") as Promise<[number | null]>;
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  clearTimeout(timer);
  return { code, stdout, stderr };
}

/**
 * Starts the compiled service as a process of its own, with these settings and nothing else of this environment.
 * @param nodeOptions for Node itself, such as `--max-old-space-size=64`
 */
export async function spawnServer(
  settings: Record<string, string>,
  nodeOptions: readonly string[] = [],
): Promise<SpawnedServer> {
  const child = launch(settings, nodeOptions);
  let output = "";
  const exited = once(child, "exit") as Promise<[number | null]>;
  const url = await new Promise<string>((found, failed) => {
    const timer = setTimeout(() => failed(new Error(`The server did not start:\n${output}`)), START_TIMEOUT_MS);
    const onData = (data: Buffer) => {
      output += data;
      const match = /Stowage listens at (http:\S+)/.exec(output);
      if (match?.[1] === undefined) return;
      clearTimeout(timer);
      found(match[1]);
    };
    child.stdout.on("data", onData);
    child.stderr.on("data", onData);
    child.once("exit", (code) => {
      clearTimeout(timer);
      failed(new Error(`The server ended with ${code} at its start:\n${output}`));
    });
  });
  return {
    url,
    process: child,
    output: () => output,
    async end(signal) {
      child.kill(signal);
      const [code] = await exited;
      return code;
    },
  };
}
