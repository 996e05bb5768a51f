import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync, readSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, inject, onTestFinished, test } from "vitest";
import { freePort } from "../support/mysql-server.ts";
import { Workspace } from "../support/workspace.ts";

const REQUESTS = 6_000;

async function startWithLog(stderr: number | "pipe"): Promise<{ process: ChildProcess; url: string }> {
  const workspace = await Workspace.create("sqlite", { LOG_LEVEL: "debug" });
  const port = await freePort();
  const main = resolve(inject("buildFolder"), "programs/server.js");
  const server = spawn("setpriv", ["--pdeathsig=KILL", process.execPath, main], {
    env: { PATH: process.env["PATH"] ?? "", PORT: String(port), ...workspace.settings },
    stdio: ["ignore", "ignore", stderr],
  });
  onTestFinished(() => void server.kill("SIGKILL"));
  const url = `http://127.0.0.1:${port}`;
  await expect
    .poll(() =>
      fetch(url).then(
        (answer) => answer.ok,
        () => false,
      ),
    )
    .toBe(true);
  return { process: server, url };
}

async function request(url: string): Promise<void> {
  for (let sent = 0; sent < REQUESTS; sent += 50) {
    const answers = Array.from({ length: 50 }, () => fetch(`${url}/nowhere/${"long".repeat(9)}`));
    for (const answer of await Promise.all(answers)) {
      expect(answer.status).toBe(404);
      await answer.arrayBuffer();
    }
  }
}

async function end(server: ChildProcess): Promise<unknown[]> {
  const exited = once(server, "exit");
  server.kill("SIGTERM");
  return await exited;
}

test("a log on a full disk stops nothing", async () => {
  const { process: server, url } = await startWithLog(openSync("/dev/full", "w"));
  await request(url);
  expect(await end(server)).toEqual([0, null]);
});

test("a reader of the log that stalls stops nothing, and is told later what it missed", async () => {
  const { folder } = await Workspace.create("sqlite");
  const pipe = join(folder, "log");
  execFileSync("mkfifo", [pipe]);
  const reader = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
  const { process: server, url } = await startWithLog(openSync(pipe, constants.O_WRONLY));
  await request(url);
  let read = "";
  await expect
    .poll(
      () => {
        read += readSome(reader);
        return read;
      },
      { interval: 5 },
    )
    .toMatch(/"dropped":\d+,"msg":"lines of the log were dropped/);
  expect(await end(server)).toEqual([0, null]);
  closeSync(reader);
});

test("a stalled reader at the other end of a socket stops nothing either", async () => {
  const { process: server, url } = await startWithLog("pipe");
  server.stderr?.pause();
  await request(url);
  expect(await end(server)).toEqual([0, null]);
});

/** What has come so far. */
function readSome(fd: number): string {
  const buffer = Buffer.alloc(1024 ** 2);
  try {
    return buffer.toString("utf8", 0, readSync(fd, buffer));
  } catch {
    return "";
  }
}
