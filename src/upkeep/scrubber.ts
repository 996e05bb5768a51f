import pLimit from "p-limit";
import type { Database } from "../database/database.ts";
import type { PhysicalNode } from "../storage/storage-node.ts";
import { findChunk } from "../metadata/chunks.ts";
import type { HeldLease, Leases, WaitOptions } from "./leases.ts";
import type { NodePool } from "./node-pool.ts";
import type { RateLimiter } from "./rate-limiter.ts";
import type { RepairQueue } from "./repair-queue.ts";
import { type KnownChunk, verifyReplica } from "./replica.ts";
import { Scrub } from "./scrub-record.ts";
import type { UpkeepLogger } from "./upkeep-logger.ts";
import type { UpkeepRequest } from "./upkeep-request-record.ts";
import type { UpkeepRequests } from "./upkeep-requests.ts";

const LEASE = "scrub";
const BATCH = 64;
const CHUNKS_AT_ONCE = 2;
/** Of a period: the rest is for the days on which nothing runs. */
const BUSY_PART = 0.9;

const PAGE = `
  select chunk.id, chunk.size, chunk.sha256, chunk.block_checksums as checksums
  from chunk_replicas replica join chunks chunk on chunk.id = replica.chunk_id
  where replica.node = ? and replica.chunk_id > ? and replica.chunk_id < ?
  order by replica.chunk_id limit ?`;
const COUNT = "select count(*) as chunks from chunk_replicas where node = ? and chunk_id < ?";

export interface ScrubNodeOptions extends WaitOptions {
  /** After each batch. */
  onProgress?: (pass: Scrub) => void;
}

export interface ScrubOptions {
  /** In which every chunk is verified once; null for never by itself. */
  periodMs: number | null;
}

/** Reads every chunk on every node by and by, and queues for repair what is bad. A pass goes on where it was left. */
export class Scrubber {
  readonly #database: Database;
  readonly #pool: NodePool;
  readonly #queue: RepairQueue;
  readonly #leases: Leases;
  readonly #requests: UpkeepRequests;
  readonly #rate: RateLimiter;
  readonly #log: UpkeepLogger;
  readonly #periodMs: number | null;

  constructor(
    database: Database,
    pool: NodePool,
    queue: RepairQueue,
    leases: Leases,
    requests: UpkeepRequests,
    rate: RateLimiter,
    log: UpkeepLogger,
    { periodMs }: ScrubOptions,
  ) {
    this.#database = database;
    this.#pool = pool;
    this.#queue = queue;
    this.#leases = leases;
    this.#requests = requests;
    this.#rate = rate;
    this.#log = log;
    this.#periodMs = periodMs;
  }

  /** Verifies what is due by now on each node, unless another process does. */
  async run(signal: AbortSignal): Promise<void> {
    const periodMs = this.#periodMs;
    if (periodMs === null) return;
    await this.#leases.hold(
      LEASE,
      async (lease) => {
        for (const { name } of await this.#pool.usable()) {
          const node = this.#pool.nodes.get(name);
          if (node === undefined) continue;
          const last = await this.#last(name);
          const isOver = last === null || (last.finishedAt !== null && ageOf(last) >= periodMs);
          const pass = isOver ? await this.#begin(name) : last;
          await this.#advance(node, pass, () => dueChunks(pass, periodMs) - pass.verifiedChunks, lease).catch((err) => {
            lease.signal.throwIfAborted();
            this.#log.warn({ node: name, err }, "a node could not be scrubbed; it is tried again");
          });
        }
      },
      { signal },
    );
  }

  /**
   * Verifies all chunks of a node now. When it is cut short, the next call carries on, as `runRequested` does anywhere.
   * @throws when there is no such node, or it fails
   */
  async scrubNode(name: string, { onProgress, ...waiting }: ScrubNodeOptions = {}): Promise<Scrub> {
    if (!this.#pool.nodes.has(name)) throw new RangeError(`There is no storage node ${name}`);
    await this.#requests.add("SCRUB", name);
    await this.#leases.wait(
      LEASE,
      async (lease) => {
        const requests = await this.#requests.find("SCRUB");
        const request = requests.find(({ node }) => node === name);
        // Else somebody did it while we waited.
        if (request !== undefined) await this.#doRequested(request, lease, onProgress);
      },
      waiting,
    );
    return (await this.#last(name)) as Scrub;
  }

  /** Verifies the nodes that somebody asked for, unless another process scrubs. */
  async runRequested(signal: AbortSignal): Promise<void> {
    if ((await this.#requests.find("SCRUB")).length === 0) return;
    await this.#leases.hold(
      LEASE,
      async (lease) => {
        for (const request of await this.#requests.find("SCRUB")) {
          await this.#doRequested(request, lease).catch((err) => {
            lease.signal.throwIfAborted();
            this.#log.warn({ node: request.node, err }, "a node could not be scrubbed; it is tried again");
          });
        }
      },
      { signal },
    );
  }

  async #doRequested(request: UpkeepRequest, lease: HeldLease, onProgress?: (pass: Scrub) => void): Promise<void> {
    const node = this.#pool.nodes.get(request.node);
    if (node !== undefined) {
      const last = await this.#last(node.name);
      const isBegun = last !== null && last.startedAt >= request.createdAt;
      await this.#advance(node, isBegun ? last : await this.#begin(node.name), () => BATCH, lease, onProgress);
    }
    await this.#requests.remove(request);
  }

  /** Each node's pass under way, or its last. */
  passes(): Promise<Scrub[]> {
    return this.#database.read((em) => em.find(Scrub, {}, { orderBy: { node: "asc" } }));
  }

  #last(node: string): Promise<Scrub | null> {
    return this.#database.read((em) => em.findOne(Scrub, { node }));
  }

  async #begin(node: string): Promise<Scrub> {
    const startedAt = new Date();
    const total = await this.#database.read((em) =>
      em.execute<{ chunks: number | string }[]>(COUNT, [node, firstIdAt(startedAt)]),
    );
    const none = { position: "", verifiedChunks: 0, verifiedBytes: 0, badChunks: 0 };
    const pass = { node, startedAt, finishedAt: null, totalChunks: Number(total[0]?.chunks ?? 0), ...none };
    await this.#database.transaction((em) => em.upsert(Scrub, pass));
    return pass;
  }

  /** @param due how many chunks may be verified now */
  async #advance(
    node: PhysicalNode,
    pass: Scrub,
    due: () => number,
    lease: HeldLease,
    onProgress: (pass: Scrub) => void = () => {},
  ): Promise<void> {
    let mostlyBad = false;
    while (pass.finishedAt === null && (mostlyBad || due() > 0)) {
      lease.signal.throwIfAborted();
      const chunks = await this.#page(pass, mostlyBad ? BATCH : Math.min(due(), BATCH));
      const bad = await this.#verify(node, chunks, lease.signal);
      await this.#queue.add(bad);
      if (bad.length > 0) this.#log.error({ node: node.name, chunks: bad.length }, "a scrub found bad chunks");
      // A node that lost much is looked through at once, from the beginning: the next pass would be late.
      const wasMostlyGood = pass.verifiedChunks > 0 && pass.badChunks * 2 < pass.verifiedChunks;
      mostlyBad = bad.length * 2 > chunks.length;
      if (mostlyBad && wasMostlyGood) {
        Object.assign(pass, await this.#begin(node.name));
        continue;
      }
      pass.position = chunks.at(-1)?.id ?? pass.position;
      pass.verifiedChunks += chunks.length;
      pass.verifiedBytes += chunks.reduce((sum, { size }) => sum + size, 0);
      pass.badChunks += bad.length;
      if (chunks.length === 0) pass.finishedAt = new Date();
      await this.#save(pass);
      onProgress(pass);
    }
  }

  #page({ node, position, startedAt }: Scrub, limit: number): Promise<KnownChunk[]> {
    const values = [node, position, firstIdAt(startedAt), limit];
    return this.#database.read(async (em) => {
      const rows = await em.execute<Omit<KnownChunk, "nodes">[]>(PAGE, values);
      return rows.map((row) => ({ ...row, nodes: [node] }));
    });
  }

  async #verify(node: PhysicalNode, chunks: readonly KnownChunk[], signal: AbortSignal) {
    const bad: [id: string, reason: "MISSING" | "CORRUPT"][] = [];
    let failed = false;
    await pLimit(CHUNKS_AT_ONCE).map(chunks, async (chunk) => {
      const state = await verifyReplica(node, chunk, signal);
      if (state !== "MISSING") await this.#rate.take(chunk.size, signal);
      if (state === "GOOD") return;
      failed = true;
      const known = await this.#database.read((em) => findChunk(em, chunk.id));
      // It may have been freed, or moved to another node, since its row was read.
      if (known?.nodes.includes(node.name)) bad.push([chunk.id, state === "MISSING" ? "MISSING" : "CORRUPT"]);
    });
    // A node that went away meanwhile, such as a disk that was unmounted, says nothing of its chunks: the pass waits for it.
    if (failed) await node.probe();
    return bad;
  }

  async #save(pass: Scrub): Promise<void> {
    const { node, ...changes } = pass;
    await this.#database.transaction((em) => em.nativeUpdate(Scrub, { node }, changes));
  }
}

function ageOf(pass: Scrub): number {
  return Date.now() - pass.startedAt.getTime();
}

function dueChunks(pass: Scrub, periodMs: number): number {
  const part = ageOf(pass) / (periodMs * BUSY_PART);
  // Once the time is over, all that is left.
  return part >= 1 ? Number.POSITIVE_INFINITY : Math.floor(part * pass.totalChunks);
}

/** No chunk's id of that time or later is smaller: ids are UUIDv7. */
function firstIdAt(time: Date): string {
  const hex = time.getTime().toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-`;
}
