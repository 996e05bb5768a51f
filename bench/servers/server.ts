import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { LoadRequest } from "../load/generator.ts";

export const CHUNK = 8 * 1024 * 1024;

/** A server under measurement. */
export interface Server {
  name: string;
  port: number;
  pid: number;
  /** For clients of its own kind. */
  token?: string;
  /** What uploads `chunks` chunks of CHUNK bytes, dealt out to as many connections. */
  uploads?(connections: number, chunks: number): Promise<LoadRequest[][]>;
  /** Lets go of what was uploaded, so that runs don't fill the disk. */
  clean?(): Promise<void>;
  /** Stores a file of this size and tells how to get it. */
  fileOf?(size: number): Promise<{ head: string }>;
  stop(): Promise<void>;
}

export interface Started {
  child: ChildProcess;
  pid: number;
  stop(): Promise<void>;
}

/** Starts a server and waits until its port answers. */
export async function start(
  command: string,
  args: string[],
  port: number,
  env: Record<string, string> = {},
): Promise<Started> {
  const child = spawn("setpriv", ["--pdeathsig=KILL", command, ...args], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr?.on("data", (data) => {
    errors += data;
  });
  const deadline = Date.now() + 30_000;
  for (;;) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${command} did not start: ${errors}`);
    try {
      await fetch(`http://127.0.0.1:${port}/`, { redirect: "manual" });
      break;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  let stopping = false;
  child.once("exit", (code, signal) => {
    if (!stopping) console.error(`${command} ${args.join(" ")} ended with ${code ?? signal}: ${errors}`);
  });
  return {
    child,
    pid: child.pid as number,
    async stop() {
      stopping = true;
      child.kill("SIGTERM");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    },
  };
}

export function deal<T>(items: readonly T[], hands: number): T[][] {
  return Array.from({ length: hands }, (_, hand) => items.filter((_, index) => index % hands === hand));
}

/** One after the other: a port that was free may be another's in the next moment. */
export async function startAll(starts: (() => Promise<Server>)[]): Promise<Server[]> {
  const servers: Server[] = [];
  for (const startOne of starts) servers.push(await startOne());
  return servers;
}
