import { randomInt } from "node:crypto";
import { mkdir, open, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { v7 as uuidv7 } from "uuid";
import { expect, onTestFinished, test } from "vitest";
import { databaseOptions } from "../../mikro-orm.config.ts";
import { Database } from "../../src/database/database.ts";
import { createLogger } from "../../src/setup/logging.ts";
import { LocalNode } from "../../src/storage/local/local-node.ts";
import { type SweptNode, TooManyOrphansError } from "../../src/upkeep/orphans.ts";
import { RepairQueue } from "../../src/upkeep/repair-queue.ts";
import { openUpkeep } from "../../src/upkeep/upkeep.ts";
import { Client } from "../support/client.ts";
import { acceptanceDialects } from "../support/databases.ts";
import { blobFile } from "../support/node-folders.ts";
import { PatternedFile } from "../support/patterned-file.ts";
import { Workspace } from "../support/workspace.ts";

const CHUNK_SIZE = 64 * 1024;
const SETTINGS = { REPLICAS: "2", SCRUB_PERIOD: "2s", REPAIR_RATE: "1GiB", SCRUB_RATE: "1GiB", LOG_LEVEL: "fatal" };
const HEALED = { timeout: 90_000, interval: 200 };
const KILLS = 8;
const DAY_MS = 24 * 3600_000;

async function blobsOn({ folder }: Workspace, node: string): Promise<string[]> {
  const entries = await readdir(join(folder, node, "blobs"), { recursive: true, withFileTypes: true });
  return entries.flatMap((entry) => (entry.isFile() ? entry.name : [])).sort();
}

/** The blobs that the two nodes don't have alike. */
async function differing(workspace: Workspace): Promise<string[]> {
  const [one, two] = await Promise.all(["node1", "node2"].map((node) => blobsOn(workspace, node)));
  const ids = [...new Set([...(one ?? []), ...(two ?? [])])];
  const differ = ids.map(async (id) => {
    const copies = ["node1", "node2"].map((node) => readFile(blobFile(workspace.folder, node, id)).catch(() => null));
    const [a, b] = await Promise.all(copies);
    return a && b?.equals(a) ? [] : [id];
  });
  return (await Promise.all(differ)).flat();
}

async function destroyBlobs({ folder }: Workspace, node: string): Promise<void> {
  const blobs = join(folder, node, "blobs");
  for (const name of await readdir(blobs)) await rm(join(blobs, name), { recursive: true, force: true });
}

async function upload(client: Client, name: string, chunks: number) {
  const file = new PatternedFile(chunks * CHUNK_SIZE - 7, name);
  const { id } = await client.upload(name, file.bytes(0, file.size), { chunkSize: CHUNK_SIZE });
  return { id: id as string, file };
}

async function check(client: Client, { id, file }: Awaited<ReturnType<typeof upload>>): Promise<void> {
  const response = await client.download(id);
  expect(response.status).toBe(200);
  expect(Buffer.from(await response.arrayBuffer()).equals(file.bytes(0, file.size))).toBe(true);
}

/** The database as another process has it. */
async function openDatabase(workspace: Workspace): Promise<Database> {
  const database = await Database.open(databaseOptions(workspace.settings["DATABASE_URL"] as string));
  onTestFinished(() => database.close());
  return database;
}

test.for(acceptanceDialects("sqlite"))(
  "%s: a node that loses all its blobs under load costs no request, and gets them back",
  async (dialect) => {
    const workspace = await Workspace.create(dialect, SETTINGS);
    const server = await workspace.start();
    const client = await Client.register(server.url);
    const files: Awaited<ReturnType<typeof upload>>[] = [];
    for (let i = 0; i < 8; i++) files.push(await upload(client, `before-${i}`, 8));
    expect(await differing(workspace)).toEqual([]);

    let over = false;
    let requests = 0;
    const load = [0, 1, 2, 3].map(async (worker) => {
      for (let round = 0; !over; round++) {
        if (round % 3 === 0) files.push(await upload(client, `load-${worker}-${round}`, 2));
        else await check(client, files[randomInt(files.length)] as never);
        requests++;
      }
    });
    await sleep(300);
    await destroyBlobs(workspace, "node1");
    const begin = requests;
    await expect.poll(() => requests - begin, { timeout: 60_000 }).toBeGreaterThan(100);
    over = true;
    await Promise.all(load);
    await expect.poll(() => differing(workspace), HEALED).toEqual([]);
    const ids = await blobsOn(workspace, "node1");
    expect(ids.length).toBeGreaterThanOrEqual(64);

    // Bits that flip are found by nobody but the scrub.
    const flipped = ids.filter((_, index) => index % 10 === 0);
    for (const id of flipped) {
      const blob = await open(blobFile(workspace.folder, "node2", id), "r+");
      await blob.write(Buffer.from([0xff, 0x00, 0xff]), 0, 3, randomInt(1000));
      await blob.close();
    }
    expect((await differing(workspace)).length).toBeGreaterThan(flipped.length / 2);
    await expect.poll(() => differing(workspace), HEALED).toEqual([]);

    const orphan = blobFile(workspace.folder, "node1", uuidv7({ msecs: Date.now() - 2 * DAY_MS }));
    await mkdir(dirname(orphan), { recursive: true });
    await writeFile(orphan, "orphan");
    const old = new Date(Date.now() - 2 * DAY_MS);
    await utimes(orphan, old, old);
    await expect(sweep(workspace, "node1")).rejects.toBeInstanceOf(TooManyOrphansError);
    expect(await sweep(workspace, "node1", { force: true })).toMatchObject({ orphans: 1 });
    expect(await blobsOn(workspace, "node1")).toEqual(ids);
    expect(await differing(workspace)).toEqual([]);
    for (const file of files) await check(client, file);
    expect(await server.end("SIGTERM")).toBe(0);
  },
);

/** As an administrator would. */
async function sweep(workspace: Workspace, name: string, how = { force: false }): Promise<SweptNode> {
  const database = await openDatabase(workspace);
  const node = await LocalNode.open(name, join(workspace.folder, name));
  const identity = await node.identity();
  if (identity === null) throw new Error(`${name} has no identity`);
  await node.claim(identity);
  const log = createLogger("silent");
  const usable = async () => [{ name, kind: "LOCAL" as const, state: "UP" as const, freeBytes: null, failures: 0 }];
  const pool = { timeoutMs: 30_000, replicas: 2, nodes: new Map([[name, node]]), usable, candidates: () => [] };
  const options = { repairRate: 1e9, scrubRate: 1e9, scrubPeriodMs: null };
  const upkeep = openUpkeep({ database, pool, queue: new RepairQueue(database, log), log }, options);
  return upkeep.sweeper.sweepNode(name, how);
}

test.for(acceptanceDialects("mysql"))(
  "%s: servers killed with -9 while they repair carry on until all is whole",
  async (dialect) => {
    const workspace = await Workspace.create(dialect, SETTINGS);
    const first = await workspace.start();
    const client = await Client.register(first.url);
    const files: Awaited<ReturnType<typeof upload>>[] = [];
    for (let i = 0; i < 10; i++) files.push(await upload(client, `file-${i}`, 10));
    await first.end("SIGKILL");
    const ids = await blobsOn(workspace, "node2");
    await destroyBlobs(workspace, "node1");
    for (const id of ids.slice(0, 10)) {
      await mkdir(dirname(blobFile(workspace.folder, "node1", id)), { recursive: true });
      await writeFile(blobFile(workspace.folder, "node1", id), "other bytes");
    }

    const database = await openDatabase(workspace);
    for (let kill = 0; kill < KILLS; kill++) {
      const server = await workspace.start();
      await sleep(randomInt(1_500));
      await server.end("SIGKILL");
      // So that the next one needn't wait until the dead one's time is up.
      await database.transaction((em) => em.execute("delete from leases", [], "run"));
    }
    const last = await workspace.start();
    await expect.poll(() => differing(workspace), HEALED).toEqual([]);
    expect(await blobsOn(workspace, "node1")).toEqual(ids);
    const again = new Client(last.url, client.token);
    for (const file of files) await check(again, file);
    expect(await last.end("SIGTERM")).toBe(0);
  },
);
