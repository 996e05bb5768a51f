import pLimit from "p-limit";
import type { ChunkRestorer } from "./chunk-restorer.ts";
import type { HeldLease, Leases } from "./leases.ts";
import type { RepairQueue } from "./repair-queue.ts";
import type { RepairRecord } from "./repair-record.ts";
import type { UpkeepContext } from "./upkeep-context.ts";
import type { UpkeepLogger } from "./upkeep-logger.ts";

/** Held by whoever adds copies to chunks or takes them away. */
export const COPIES_LEASE = "copies";
export const CHUNKS_AT_ONCE = 4;

const BATCH = 100;
/** Batches after which others who wait for the lease get their chance. */
const BATCHES_PER_LEASE = 10;
/** A copy that failed is reported a little before the chunk's row is there; when that took longer, nobody committed it. */
const ROW_COMES_WITHIN_MS = 10 * 60_000;

/** Restores the chunks in the queue. */
export class Repairer {
  readonly #queue: RepairQueue;
  readonly #restorer: ChunkRestorer;
  readonly #leases: Leases;
  readonly #log: UpkeepLogger;

  constructor({ queue, leases, log }: UpkeepContext, restorer: ChunkRestorer) {
    this.#queue = queue;
    this.#restorer = restorer;
    this.#leases = leases;
    this.#log = log;
  }

  /**
   * Works off what is due, unless another process does. Work cut short is carried on by the next call.
   * @returns whether there is more to do at once
   */
  async run(signal: AbortSignal): Promise<boolean> {
    if ((await this.#queue.due(1)).length === 0) return false;
    let more = false;
    await this.#leases.hold(
      COPIES_LEASE,
      async (lease) => {
        more = await this.#repair(lease);
      },
      { signal },
    );
    return more && !signal.aborted;
  }

  async #repair(lease: HeldLease): Promise<boolean> {
    const limit = pLimit(CHUNKS_AT_ONCE);
    for (let batch = 0; batch < BATCHES_PER_LEASE; batch++) {
      const due = await this.#queue.due(BATCH);
      if (due.length === 0) return false;
      const outcomes = await Promise.allSettled(due.map((entry) => limit(() => this.#repairOne(entry, lease))));
      if (lease.signal.aborted) return false;
      for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
    }
    return true;
  }

  async #repairOne(entry: RepairRecord, lease: HeldLease): Promise<void> {
    if (lease.signal.aborted) return;
    const { chunkId, reason } = entry;
    const begunAt = performance.now();
    const outcome = await this.#restorer.restore(chunkId, lease).catch((error: unknown) => {
      lease.signal.throwIfAborted();
      this.#log.warn({ chunk: chunkId, err: error }, "a chunk could not be repaired; it is tried again");
      return null;
    });
    if (outcome === "RESTORED") {
      this.#log.info({ chunk: chunkId, reason }, "a chunk has all its copies again");
      return this.#queue.remove(chunkId);
    }
    const isYoung = Date.now() - entry.createdAt.getTime() < ROW_COMES_WITHIN_MS;
    if (outcome === "GONE" && !(reason === "UNDER_REPLICATED" && isYoung)) return this.#queue.remove(chunkId);
    await this.#queue.postpone(entry, outcome === "UNRESTORABLE" ? "UNRESTORABLE" : reason, begunAt);
  }
}
