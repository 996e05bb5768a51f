import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ClockWatch, SETTLED_MS } from "../../src/runtime/clock-watch.ts";
import { Client } from "../support/client.ts";
import { type Dialect, dialects } from "../support/databases.ts";
import { startService } from "../support/service.ts";
import { Workspace } from "../support/workspace.ts";

const DAY_MS = 24 * 3600_000;

/** Moves the wall clock of this process. */
function jump(ms: number): void {
  const real = Date.now;
  Date.now = () => real() + ms;
  onTestFinished(() => {
    Date.now = real;
  });
}

test("a jump is noticed at the next look, ahead and back, and settles only after an hour", () => {
  const watch = new ClockWatch();
  const told: number[] = [];
  watch.onJump = (ms) => void told.push(Math.round(ms / DAY_MS));
  expect(watch.isSettled(SETTLED_MS)).toBe(true);
  jump(2 * DAY_MS);
  expect(watch.isSettled(SETTLED_MS)).toBe(false);
  jump(-2 * DAY_MS);
  expect(watch.isSettled(SETTLED_MS)).toBe(false);
  expect(told).toEqual([2, -2]);
});

test.for(dialects)("%s: a revoked link stays closed whatever the clock says", async (dialect) => {
  const service = await startService(dialect);
  onTestFinished(() => service.stop());
  const client = await Client.register(service.url);
  const { id } = await client.upload("f", Buffer.from("bytes"));
  const { createDownloadLink: link } = await client.data(
    "mutation ($id: ID!) { createDownloadLink(fileId: $id) { id url } }",
    { id },
  );
  const url = new URL(link.url, service.url);
  expect((await fetch(url)).status).toBe(200);
  await client.data("mutation ($id: ID!) { revokeDownloadLink(id: $id) }", { id: link.id });
  expect((await fetch(url)).status).toBe(404);
  jump(-3600_000);
  expect((await fetch(url)).status).toBe(404);
});

/** A workspace whose servers' clock the test moves: a file says by how much. */
async function withMovedClock(dialect: Dialect = "sqlite") {
  const workspace = await Workspace.create(dialect);
  const ahead = join(workspace.folder, "ahead");
  await writeFile(ahead, "0");
  const hook = join(workspace.folder, "clock.cjs");
  const source = `const real = Date.now, fs = require("node:fs");
    const now = () => real() + Number(fs.readFileSync(${JSON.stringify(ahead)}, "utf8"));
    Date.now = now;
    globalThis.Date = class extends Date { constructor(...args) { super(...(args.length ? args : [now()])); } };
    globalThis.Date.now = now;`;
  await writeFile(hook, source);
  return {
    workspace,
    start: () => workspace.start(["--require", hook]),
    move: (ms: number) => writeFile(ahead, `${ms}`),
  };
}

test("a start with a clock that is ten days ahead expires no upload", async () => {
  const { workspace, start, move } = await withMovedClock();
  const first = await start();
  const client = await Client.register(first.url);
  const upload = await client.begin({ filename: "f", size: 100 });
  const { id } = await client.upload("g", Buffer.alloc(1000, "g"));
  await first.end("SIGTERM");

  await move(10 * DAY_MS);
  const second = await start();
  expect(second.output()).toContain("nothing expires for good for an hour");
  // The sweep that frees this would expire uploads, too.
  await new Client(second.url, client.token).deleteFile(id);
  const blobs = async () => {
    const folders = ["node1", "node2"].map((node) => join(workspace.folder, node, "blobs"));
    const entries = await Promise.all(folders.map((path) => readdir(path, { recursive: true, withFileTypes: true })));
    return entries.flat().filter((entry) => entry.isFile());
  };
  await expect.poll(blobs).toEqual([]);
  await second.end("SIGTERM");

  await move(0);
  const third = new Client((await start()).url, client.token);
  expect((await third.session(upload.id)).status).toBe("OPEN");
  expect((await third.sendChunk(upload.id, 0, Buffer.alloc(100))).errors).toBeUndefined();
});

test("a clock that is ten days ahead for a moment expires no upload, and the log says so", async () => {
  const { start, move } = await withMovedClock();
  const server = await start();
  const client = await Client.register(server.url);
  const upload = await client.begin({ filename: "f", size: 100 });
  await move(10 * DAY_MS);
  await expect.poll(() => server.output(), { interval: 20 }).toContain("the clock has jumped");
  await expect.poll(async () => (await fetch(`${server.url}/health/live`)).status, { interval: 20 }).toBe(200);
  await move(0);
  expect((await client.session(upload.id)).status).toBe("OPEN");
  expect((await client.sendChunk(upload.id, 0, Buffer.alloc(100))).errors).toBeUndefined();
});

test("a clock that is set back takes no time from the uploads that go on meanwhile", async () => {
  const { start, move } = await withMovedClock();
  const server = await start();
  const client = await Client.register(server.url);
  const before = await client.begin({ filename: "before", size: 100 });
  await move(-20 * DAY_MS);
  const during = await client.begin({ filename: "during", size: 100 });
  expect((await client.sendChunk(before.id, 0, Buffer.alloc(100))).errors).toBeUndefined();
  for (const { id } of [before, during]) {
    const { uploadSession } = await client.data("query ($id: ID!) { uploadSession(id: $id) { expiresAt } }", { id });
    expect(Date.parse(uploadSession.expiresAt)).toBeGreaterThan(Date.now());
  }
});

test("uploads outlive a clock that is stepped right after a start behind, and one that is ahead for a while", async () => {
  const { start, move } = await withMovedClock();
  await move(-9 * DAY_MS);
  const server = await start();
  const client = await Client.register(server.url);
  const upload = await client.begin({ filename: "f", size: 100, resumeKey: "key" });
  for (const ms of [0, 9 * DAY_MS, 0]) {
    await move(ms);
    expect((await client.session(upload.id)).status).toBe("OPEN");
    expect((await client.begin({ filename: "f", size: 100, resumeKey: "key" })).id).toBe(upload.id);
  }
  await move(9 * DAY_MS);
  expect((await client.sendChunk(upload.id, 0, Buffer.alloc(100))).errors).toBeUndefined();
  expect((await client.complete(upload.id)).errors).toBeUndefined();
});

test("beside a database whose clock is another, no server starts, and it says so in a line", async () => {
  const { start, move } = await withMovedClock("mysql");
  await move(-2 * DAY_MS);
  await expect(start()).rejects.toThrow("clock is 2880 minutes behind the database's");
  await move(0);
  await Client.register((await start()).url);
});
