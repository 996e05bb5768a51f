import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { Workspace } from "../support/workspace.ts";

/** What `npm start` needs but for the dependencies. */
const PROJECT = [
  "package.json",
  "tsconfig.json",
  "rolldown.config.ts",
  "tsconfig.client.json",
  "mikro-orm.config.ts",
  "bin",
  "src",
];
const START_TIMEOUT_MS = 60_000;

/** A copy of the project, which the first start builds. */
let project: string;
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), "stowage-terminal-"));
  for (const name of PROJECT) await cp(resolve(name), join(project, name), { recursive: true });
  await symlink(resolve("node_modules"), join(project, "node_modules"));
});
afterAll(() => rm(project, { recursive: true, force: true }));

interface NpmStart {
  npm: ChildProcess & { pid: number };
  url: string;
  /** Every process of the terminal's job that is still there. */
  job(): string[];
}

/** `npm start` as a job of its own, as a shell starts it. */
async function npmStart(dialect: "sqlite" | "mysql", settings: Record<string, string>): Promise<NpmStart> {
  const workspace = await Workspace.create(dialect);
  const npm = spawn("npm", ["start"], {
    cwd: project,
    detached: true,
    env: { PATH: process.env["PATH"], HOME: workspace.folder, PORT: "0", ...workspace.settings, ...settings },
    stdio: ["ignore", "pipe", "pipe"],
  }) as NpmStart["npm"];
  const job = () => {
    const lines = execFileSync("ps", ["-e", "-o", "pgid=,pid=,stat=,args="], { encoding: "utf8" }).trim().split("\n");
    return lines.filter((line) => line.trim().startsWith(`${npm.pid} `) && !/^\s*\d+\s+\d+\s+Z/.test(line));
  };
  onTestFinished(() => {
    if (job().length > 0) process.kill(-npm.pid, "SIGKILL");
  });
  let output = "";
  const url = await new Promise<string>((found, failed) => {
    const fail = () => failed(new Error(`npm start did not start the server:\n${output}`));
    const timer = setTimeout(fail, START_TIMEOUT_MS);
    const onData = (data: Buffer) => {
      output += data;
      const match = /Stowage listens at (http:\S+)/.exec(output);
      if (match?.[1] === undefined) return;
      clearTimeout(timer);
      found(match[1]);
    };
    npm.stdout?.on("data", onData);
    npm.stderr?.on("data", onData);
    npm.once("exit", fail);
  });
  return { npm, url, job };
}

const cases = [
  ["SIGTERM to npm", "sqlite", "1", ({ npm }: NpmStart) => npm.kill("SIGTERM")],
  ["SIGINT to npm", "sqlite", "1", ({ npm }: NpmStart) => npm.kill("SIGINT")],
  // The terminal sends it to npm, its shell and the server; npm passes it on to the server once more.
  ["Ctrl-C", "sqlite", "1", ({ npm }: NpmStart) => process.kill(-npm.pid, "SIGINT")],
  ["Ctrl-C with two workers", "mysql", "2", ({ npm }: NpmStart) => process.kill(-npm.pid, "SIGINT")],
] as const;

test.each(cases)("npm start: %s ends it with 0, and no process is left", async (_name, dialect, WORKERS, signal) => {
  const started = await npmStart(dialect, { WORKERS });
  expect((await fetch(`${started.url}/health/ready`)).status).toBe(200);
  const ended = once(started.npm, "exit");
  signal(started);
  expect(await ended).toEqual([0, null]);
  await expect.poll(started.job, { timeout: 3000 }).toEqual([]);
  await expect(fetch(`${started.url}/health/live`)).rejects.toThrow("fetch failed");
});
