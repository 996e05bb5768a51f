import { createHash, randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DefaultLogger, type LogContext, type LoggerOptions } from "@mikro-orm/core";
import { v7 as uuidv7 } from "uuid";
import { expect, onTestFinished } from "vitest";
import { databaseOptions } from "../../mikro-orm.config.ts";
import { UserRecord } from "../../src/accounts/user-record.ts";
import { Database, type EntityManager } from "../../src/database/database.ts";
import { FileRecord } from "../../src/metadata/file-record.ts";
import { recordChunk, type WrittenChunk } from "../../src/metadata/record-chunks.ts";
import { createLogger } from "../../src/setup/logging.ts";
import { nodePool } from "../../src/setup/storage-setup.ts";
import { MissingBlobError } from "../../src/storage/blob-errors.ts";
import { NodeSet } from "../../src/storage/cluster/node-set.ts";
import { ChunkRestorer } from "../../src/upkeep/chunk-restorer.ts";
import type { NodePool } from "../../src/upkeep/node-pool.ts";
import { RateLimiter } from "../../src/upkeep/rate-limiter.ts";
import { RepairQueue } from "../../src/upkeep/repair-queue.ts";
import { RepairRecord } from "../../src/upkeep/repair-record.ts";
import { openUpkeep, type Upkeep, type UpkeepOptions } from "../../src/upkeep/upkeep.ts";
import { checksumsOf, makeBlob, readUntilEnd, type TestBlob, temporaryDirectory } from "../storage/blobs.ts";
import { FaultyNode } from "../storage/faulty-node.ts";
import { type LocalHarness, openLocal } from "../storage/local-harness.ts";
import { type Dialect, newDatabaseUrl } from "../support/databases.ts";
import type { CrashPoint } from "./crash.ts";

export interface SceneOptions extends Partial<UpkeepOptions> {
  /** How long a node may take for a step. */
  nodeTimeoutMs?: number;
  nodes?: number;
  replicas?: number;
  /** Hears of each statement and its values. */
  onStatement?: (statement: string, values: readonly unknown[]) => void;
}

export const noSignal = new AbortController().signal;

/** A database, local nodes whose disks can fail, an open upload that has all the chunks, and upkeep over them. */
export class Scene {
  readonly database: Database;
  readonly url: string;
  readonly locals: ReadonlyMap<string, LocalHarness>;
  readonly disks: ReadonlyMap<string, FaultyNode>;
  readonly draining = new Set<string>();
  readonly logged: { level: string; facts: Record<string, unknown>; message: string }[] = [];
  readonly replicas: number;
  nodeTimeoutMs = 30_000;
  readonly #file: FileRecord;
  readonly #options: UpkeepOptions;
  #offset = 0;

  private constructor(
    database: Database,
    url: string,
    locals: LocalHarness[],
    file: FileRecord,
    replicas: number,
    options: UpkeepOptions,
  ) {
    this.database = database;
    this.url = url;
    this.locals = new Map(locals.map((local) => [local.node.name, local]));
    this.disks = new Map(locals.map(({ node }) => [node.name, new FaultyNode(node)]));
    for (const disk of this.disks.values()) disk.freeBytes = 1e12;
    this.#file = file;
    this.replicas = replicas;
    this.#options = options;
  }

  static async open(
    dialect: Dialect,
    { nodes = 2, replicas = 2, nodeTimeoutMs = 30_000, onStatement, ...options }: SceneOptions = {},
  ): Promise<Scene> {
    const url = newDatabaseUrl(dialect, await temporaryDirectory());
    const database = await Database.open(
      {
        ...databaseOptions(url),
        loggerFactory: (options: LoggerOptions) =>
          Object.assign(new DefaultLogger(options), {
            logQuery: ({ query, params = [] }: LogContext) => onStatement?.(query as string, params as unknown[]),
          }),
      },
      { durability: "os" },
    );
    onTestFinished(() => database.close());
    const locals = await Promise.all(Array.from({ length: nodes }, (_, index) => openLocal(`node${index + 1}`)));
    const file = await database.transaction((em) => openUpload(em));
    const rates = { repairRate: 1e12, scrubRate: 1e12, scrubPeriodMs: null };
    const scene = new Scene(database, url, locals, file, replicas, { ...rates, ...options });
    scene.nodeTimeoutMs = nodeTimeoutMs;
    return scene;
  }

  local(name: string): LocalHarness {
    return this.locals.get(name) as LocalHarness;
  }

  disk(name: string): FaultyNode {
    return this.disks.get(name) as FaultyNode;
  }

  /** What a process has: everything of it made anew, as after a start. */
  start(crash?: CrashPoint): Running {
    const database = crash?.database(this.database) ?? this.database;
    const nodes = [...this.disks.values()].map((disk) => crash?.node(disk) ?? disk);
    const log = (level: string) => (facts: object, message: string) =>
      void this.logged.push({ level, facts: { ...facts }, message });
    const logger = { info: log("info"), warn: log("warn"), error: log("error") };
    const queue = new RepairQueue(database, logger);
    const storage = new NodeSet({
      nodes,
      replicas: Math.min(this.replicas, nodes.length),
      logger,
      probeMaxAgeMs: 0,
      nodeTimeoutMs: this.nodeTimeoutMs,
      onDamage: (id, reason) => queue.report(id, reason),
    });
    storage.setDraining(this.draining);
    const pool = { ...nodePool(storage), replicas: this.replicas };
    return { storage, pool, queue, upkeep: openUpkeep({ database, pool, queue, log: logger }, this.#options) };
  }

  /** What repairs stand on, for whoever brings a lease. */
  restorer(): ChunkRestorer {
    const context = { database: this.database, pool: this.start().pool, log: createLogger("silent") };
    return new ChunkRestorer(context, new RateLimiter(1e12));
  }

  /** Stores a chunk on just these nodes, with its rows. */
  async chunk(
    nodes: readonly string[] = [...this.disks.keys()].slice(0, this.replicas),
    size = 10_000,
    id = uuidv7(),
    file = this.#file,
  ) {
    const blob = { ...makeBlob(size, id), nodes };
    for (const name of nodes) await this.put(name, blob);
    await this.record(blob, file);
    return blob;
  }

  async put(node: string, blob: Pick<TestBlob, "id" | "size" | "bytes">): Promise<void> {
    const writer = await this.local(node).node.create(blob.id, blob.size);
    await writer.write([blob.bytes]);
    await writer.commit();
  }

  /** Another open upload, of another user. */
  upload(): Promise<FileRecord> {
    return this.database.transaction((em) => openUpload(em));
  }

  /** The rows alone. */
  async record({ id, bytes, nodes }: Pick<TestBlob, "id" | "bytes" | "nodes">, file = this.#file): Promise<void> {
    const sha256 = createHash("sha256").update(bytes).digest();
    const offset = this.#offset;
    this.#offset += bytes.length;
    const chunk: WrittenChunk = { id, offset, size: bytes.length, sha256, checksums: checksumsOf(bytes), nodes };
    expect(await recordChunk(this.database, file, chunk, new Date(Date.now() + 3600_000))).toBe("added");
  }

  /** Nobody can ask for the chunks any more. */
  async closeFile(): Promise<void> {
    await this.database.transaction((em) => em.nativeUpdate(FileRecord, { id: this.#file.id }, { status: "ABORTED" }));
  }

  /** The nodes by the chunk's rows. */
  async rows(id: string): Promise<string[]> {
    const rows = await this.database.read((em) =>
      em.execute<{ node: string }[]>("select node from chunk_replicas where chunk_id = ? order by node", [id]),
    );
    return rows.map(({ node }) => node);
  }

  /** The nodes that have just the chunk's bytes; those with others are told with a "!". */
  async holders(blob: TestBlob): Promise<string[]> {
    const found: string[] = [];
    for (const [name, { node }] of this.locals) {
      const { bytes, error } = await readUntilEnd(node, blob);
      if (error instanceof MissingBlobError) continue;
      found.push(error === undefined && bytes.equals(blob.bytes) ? name : `${name}!`);
    }
    return found;
  }

  /** That the rows name nodes which have good copies, and no others have any. */
  async expectOn(blob: TestBlob, nodes: readonly string[]): Promise<void> {
    expect({ rows: await this.rows(blob.id), holders: await this.holders(blob) }).toEqual({
      rows: nodes,
      holders: nodes,
    });
  }

  async aside(): Promise<string[]> {
    const folders = [...this.locals.values()].map(({ directory }) =>
      readdir(join(directory, "aside")).catch(() => [] as string[]),
    );
    return (await Promise.all(folders)).flat();
  }

  queued(): Promise<RepairRecord[]> {
    return this.database.read((em) => em.find(RepairRecord, {}, { orderBy: { chunkId: "asc" } }));
  }

  /** No chunk is left, nor a blob. */
  async clear(): Promise<void> {
    await this.database.transaction(async (em) => {
      for (const table of ["file_chunks", "chunk_replicas", "chunks", "repairs"]) {
        await em.execute(`delete from ${table}`);
      }
    });
    for (const { node } of this.locals.values()) {
      for await (const { id } of node.list()) await node.remove({ id });
    }
  }

  /** The lease of a process that died is anybody's when its time is up: now. */
  async expireLeases(): Promise<void> {
    await this.database.transaction((em) => em.execute("delete from leases", [], "run"));
  }

  /** Makes the turn of everything in the queue come. */
  async hurry(): Promise<void> {
    await this.database.transaction((em) => em.nativeUpdate(RepairRecord, {}, { nextAttemptAt: new Date(0) }));
  }
}

export interface Running {
  storage: NodeSet;
  pool: NodePool;
  queue: RepairQueue;
  upkeep: Upkeep;
}

async function openUpload(em: EntityManager): Promise<FileRecord> {
  const name = randomBytes(6).toString("hex");
  const createdAt = new Date();
  const user = em.create(UserRecord, {
    id: uuidv7(),
    username: name,
    usernameKey: name,
    email: name,
    emailKey: name,
    passwordHash: "none",
    role: "USER",
    createdAt,
    fileCount: 0,
  });
  const file = em.create(FileRecord, {
    id: uuidv7(),
    owner: user,
    filename: name,
    filenameKey: name,
    contentType: "text/plain",
    size: 1e12,
    chunkSize: 65_536,
    status: "OPEN",
    receivedChunks: 0,
    receivedBytes: 0,
    digest: null,
    resumeKey: null,
    createdAt,
    completedAt: null,
    expiresAt: new Date(Date.now() + 3600_000),
    freedAt: null,
  });
  await em.persist([user, file]).flush();
  return file;
}
