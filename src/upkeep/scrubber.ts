import pLimit from "p-limit";
import { findChunk, type KnownChunk } from "../metadata/chunks.ts";
import { chunksOnNode, countOn } from "../metadata/replicas.ts";
import type { PhysicalNode } from "../storage/storage-node.ts";
import type { HeldLease, WaitOptions } from "./leases.ts";
import type { RateLimiter } from "./rate-limiter.ts";
import { ScrubRecord } from "./scrub-record.ts";
import type { UpkeepContext } from "./upkeep-context.ts";
import type { UpkeepRequestRecord } from "./upkeep-request-record.ts";
import { verifyCopy } from "./verify-copy.ts";

const LEASE = "scrub";
const BATCH = 64;
const CHUNKS_AT_ONCE = 2;
/** Part of a period in which a pass is to end: the rest is for the days on which nothing runs. */
const BUSY_PART = 0.9;

interface ScrubNodeOptions extends WaitOptions {
  /** Called after each batch. */
  onProgress?: (pass: ScrubRecord) => void;
}

/** Reads every chunk on every node by and by, and queues for repair what is bad. A pass goes on where it was left. */
export class Scrubber {
  readonly #context: UpkeepContext;
  readonly #rate: RateLimiter;
  readonly #periodMs: number | null;

  /** @param periodMs the time in which every chunk is verified once; null for never by itself */
  constructor(context: UpkeepContext, rate: RateLimiter, periodMs: number | null) {
    this.#context = context;
    this.#rate = rate;
    this.#periodMs = periodMs;
  }

  /** Verifies what is due by now on each node, unless another process does. */
  async run(signal: AbortSignal): Promise<void> {
    const periodMs = this.#periodMs;
    if (periodMs === null) return;
    await this.#context.leases.hold(
      LEASE,
      async (lease) => {
        for (const { name } of await this.#context.pool.usable()) {
          const node = this.#context.pool.nodes.get(name);
          if (node === undefined) continue;
          const last = await this.#last(name);
          const isOver = last === null || (last.finishedAt !== null && ageOf(last) >= periodMs);
          const pass = isOver ? await this.#begin(name) : last;
          await this.#advance(node, pass, () => dueChunks(pass, periodMs) - pass.verifiedChunks, lease).catch((err) => {
            lease.signal.throwIfAborted();
            this.#context.log.warn({ node: name, err }, "a node could not be scrubbed; it is tried again");
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
  async scrubNode(name: string, { onProgress, ...waiting }: ScrubNodeOptions = {}): Promise<ScrubRecord> {
    if (!this.#context.pool.nodes.has(name)) throw new RangeError(`There is no storage node ${name}`);
    await this.#context.requests.add("SCRUB", name);
    await this.#context.leases.wait(
      LEASE,
      async (lease) => {
        const requests = await this.#context.requests.find("SCRUB");
        const request = requests.find(({ node }) => node === name);
        // Else somebody did it while we waited.
        if (request !== undefined) await this.#doRequested(request, lease, onProgress);
      },
      waiting,
    );
    return (await this.#last(name)) as ScrubRecord;
  }

  /** Verifies the nodes that somebody asked for, unless another process scrubs. */
  async runRequested(signal: AbortSignal): Promise<void> {
    if ((await this.#context.requests.find("SCRUB")).length === 0) return;
    await this.#context.leases.hold(
      LEASE,
      async (lease) => {
        for (const request of await this.#context.requests.find("SCRUB")) {
          await this.#doRequested(request, lease).catch((err) => {
            lease.signal.throwIfAborted();
            this.#context.log.warn({ node: request.node, err }, "a node could not be scrubbed; it is tried again");
          });
        }
      },
      { signal },
    );
  }

  async #doRequested(
    request: UpkeepRequestRecord,
    lease: HeldLease,
    onProgress?: (pass: ScrubRecord) => void,
  ): Promise<void> {
    const node = this.#context.pool.nodes.get(request.node);
    if (node !== undefined) {
      const last = await this.#last(node.name);
      const isBegun = last !== null && last.startedAt >= request.createdAt;
      await this.#advance(node, isBegun ? last : await this.#begin(node.name), () => BATCH, lease, onProgress);
    }
    await this.#context.requests.remove(request);
  }

  /** Each node's pass under way, or its last. */
  passes(): Promise<ScrubRecord[]> {
    return this.#context.database.read((em) => em.find(ScrubRecord, {}, { orderBy: { node: "asc" } }));
  }

  #last(node: string): Promise<ScrubRecord | null> {
    return this.#context.database.read((em) => em.findOne(ScrubRecord, { node }));
  }

  async #begin(node: string): Promise<ScrubRecord> {
    const startedAt = new Date();
    const totalChunks = await countOn(this.#context.database, node, firstIdAt(startedAt));
    const none = { position: "", verifiedChunks: 0, verifiedBytes: 0, badChunks: 0 };
    const pass = { node, startedAt, finishedAt: null, totalChunks, ...none };
    await this.#context.database.transaction((em) => em.upsert(ScrubRecord, pass));
    return pass;
  }

  /** @param due how many chunks may be verified now */
  async #advance(
    node: PhysicalNode,
    pass: ScrubRecord,
    due: () => number,
    lease: HeldLease,
    onProgress: (pass: ScrubRecord) => void = () => {},
  ): Promise<void> {
    let mostlyBad = false;
    while (pass.finishedAt === null && (mostlyBad || due() > 0)) {
      lease.signal.throwIfAborted();
      const chunks = await this.#page(pass, mostlyBad ? BATCH : Math.min(due(), BATCH));
      const bad = await this.#verify(node, chunks, lease.signal);
      await this.#context.queue.add(bad);
      if (bad.length > 0) this.#context.log.error({ node: node.name, chunks: bad.length }, "a scrub found bad chunks");
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

  #page({ node, position, startedAt }: ScrubRecord, limit: number): Promise<KnownChunk[]> {
    const range = { after: position, before: firstIdAt(startedAt) };
    return this.#context.database.read((em) => chunksOnNode(em, node, range, limit));
  }

  async #verify(node: PhysicalNode, chunks: readonly KnownChunk[], signal: AbortSignal) {
    const bad: [id: string, reason: "MISSING" | "CORRUPT"][] = [];
    let failed = false;
    await pLimit(CHUNKS_AT_ONCE).map(chunks, async (chunk) => {
      const state = await verifyCopy(node, chunk, signal, this.#context.pool.timeoutMs);
      if (state !== "MISSING") await this.#rate.take(chunk.size, signal);
      if (state === "GOOD") return;
      failed = true;
      const known = await this.#context.database.read((em) => findChunk(em, chunk.id));
      // It may have been freed, or moved to another node, since its row was read.
      if (known?.nodes.includes(node.name)) bad.push([chunk.id, state === "MISSING" ? "MISSING" : "CORRUPT"]);
    });
    // A node that went away meanwhile, such as a disk that was unmounted, says nothing of its chunks: the pass waits for it.
    if (failed) await node.probe();
    return bad;
  }

  async #save(pass: ScrubRecord): Promise<void> {
    const { node, ...changes } = pass;
    await this.#context.database.transaction((em) => em.nativeUpdate(ScrubRecord, { node }, changes));
  }
}

function ageOf(pass: ScrubRecord): number {
  return Date.now() - pass.startedAt.getTime();
}

function dueChunks(pass: ScrubRecord, periodMs: number): number {
  const part = ageOf(pass) / (periodMs * BUSY_PART);
  // Once the time is over, all that is left.
  return part >= 1 ? Number.POSITIVE_INFINITY : Math.floor(part * pass.totalChunks);
}

/** No chunk's id of that time or later is smaller: ids are UUIDv7. */
function firstIdAt(time: Date): string {
  const hex = time.getTime().toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-`;
}
