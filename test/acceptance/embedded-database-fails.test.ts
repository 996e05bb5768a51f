import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { Client } from "../support/client.ts";
import { failToStart, type SpawnedServer } from "../support/spawned-server.ts";
import { Workspace } from "../support/workspace.ts";

/** The server writes by itself now and then: its lock is waited for. */
const LOCK_PATIENCE_MS = 60_000;
const BEGIN = "mutation ($input: BeginUploadInput!) { beginUpload(input: $input) { id } }";
/** A request that waits for the database without end would not be answered at all. */
const ANSWERED = { signal: AbortSignal.timeout(60_000) };

async function status(server: SpawnedServer, path: string): Promise<number> {
  const response = await fetch(`${server.url}${path}`, ANSWERED);
  await response.arrayBuffer();
  return response.status;
}

/** Bounds the files that the process writes, as a full disk does; null for no bound. */
function limitFiles({ process: { pid } }: SpawnedServer, bytes: number | null): void {
  execFileSync("prlimit", [`--pid=${pid}`, `--fsize=${bytes ?? "unlimited"}:unlimited`]);
}

test("a commit that the disk refuses fails one request, and all is well when the disk is", async () => {
  const workspace = await Workspace.create("sqlite");
  const server = await workspace.start();
  const ada = await Client.register(server.url);
  const kept = await ada.begin({ filename: "kept", size: 1 });
  const wal = statSync(join(workspace.folder, "metadata.sqlite-wal")).size;
  for (const room of [0, 4096, 6000]) {
    limitFiles(server, wal + room);
    const input = { filename: "refused", size: 1 };
    await expect.poll(() => ada.failure(BEGIN, { input })).toMatchObject({ code: "SERVICE_UNAVAILABLE" });
    expect(await ada.data("{ me { username } }")).toMatchObject({ me: {} });
    expect(await status(server, "/health/live")).toBe(200);
    expect(await status(server, "/health/ready")).toBe(503);
    limitFiles(server, null);
    await expect.poll(() => status(server, "/health/ready")).toBe(200);
    expect(await ada.begin({ filename: "taken", size: 1 })).toHaveProperty("id");
  }
  expect(await ada.data(`{ uploadSession(id: "${kept.id}") { id } }`)).toEqual({ uploadSession: { id: kept.id } });
  limitFiles(server, 0);
  await ada.failure(BEGIN, { input: { filename: "refused", size: 1 } });
  expect(await server.end("SIGTERM")).toBe(0);
});

test("a lock that another process holds on the database delays what needs it, and nothing else", async () => {
  const workspace = await Workspace.create("sqlite");
  const server = await workspace.start();
  const ada = await Client.register(server.url);
  const other = new DatabaseSync(join(workspace.folder, "metadata.sqlite"), { timeout: LOCK_PATIENCE_MS });
  try {
    other.exec("begin immediate");
    let isTaken = false;
    const begun = ada.begin({ filename: "delayed", size: 1 }).finally(() => {
      isTaken = true;
    });
    begun.catch(() => {});
    for (let i = 0; i < 20; i++) {
      expect(await status(server, "/health/live")).toBe(200);
      expect(await ada.data("{ me { username } }")).toMatchObject({ me: {} });
    }
    expect(isTaken).toBe(false);
    other.exec("rollback");
    expect(await begun).toHaveProperty("id");

    other.exec("begin immediate");
    const input = { filename: "refused", size: 1 };
    expect(await ada.failure(BEGIN, { input })).toMatchObject({ code: "SERVICE_UNAVAILABLE" });
  } finally {
    other.close();
  }
});

test("a file that is no database stops the start with one line", async () => {
  const { folder, settings } = await Workspace.create("sqlite");
  const path = join(folder, "notes.txt");
  await writeFile(path, "This is a text, and longer than SQLite's header of 100 bytes is. ".repeat(10));
  const end = await failToStart({ ...settings, LOG_LEVEL: "fatal", DATABASE_URL: `sqlite:${path}` });
  expect(end.stderr.trimEnd().split("\n")).toEqual([expect.stringMatching(/database .*not a database/)]);
  expect(end.code).toBe(1);
});
