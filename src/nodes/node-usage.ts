import { setImmediate as breathe } from "node:timers/promises";
import type { Database } from "../database/database.ts";

export interface NodeUsage {
  chunks: number;
  /** Bytes. */
  bytes: number;
}

const ROWS_PER_STEP = 5_000;
const MAX_AGE_MS = 60_000;

/** By steps along the index, since an embedded database holds up everything while it answers. */
const STEP = `
  select count(*) as chunks, coalesce(sum(chunk.size), 0) as bytes, max(replica.chunk_id) as last
  from (
    select chunk_id from chunk_replicas where node = ? and chunk_id > ? order by chunk_id limit ${ROWS_PER_STEP}
  ) replica
  join chunks chunk on chunk.id = replica.chunk_id`;

/**
 * What lies on each node by the database. A counter for each node would be a row that every chunk waits for, so it is
 * counted: once for all who ask, at most every minute, and never for more than a tenth of the time.
 */
export class NodeUsageCounter {
  readonly #database: Database;
  #latest: ReadonlyMap<string, NodeUsage> | undefined;
  #dueAt = 0;
  #counting: Promise<ReadonlyMap<string, NodeUsage>> | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  /** By node; what was counted last, at once, but for the first time. */
  async latest(nodes: readonly string[]): Promise<ReadonlyMap<string, NodeUsage>> {
    if (performance.now() < this.#dueAt && this.#latest !== undefined) return this.#latest;
    this.#counting ??= this.#count(nodes).finally(() => {
      this.#counting = undefined;
    });
    if (this.#latest === undefined) return this.#counting;
    // The next one asks again, should it fail.
    this.#counting.catch(() => {});
    return this.#latest;
  }

  async #count(nodes: readonly string[]): Promise<ReadonlyMap<string, NodeUsage>> {
    const startedAt = performance.now();
    const counts = new Map<string, NodeUsage>();
    for (const node of nodes) counts.set(node, await this.#countNode(node));
    this.#latest = counts;
    this.#dueAt = performance.now() + Math.max(MAX_AGE_MS, 9 * (performance.now() - startedAt));
    return counts;
  }

  async #countNode(node: string): Promise<NodeUsage> {
    type Row = { chunks: number | string; bytes: number | string; last: string | null };
    const usage = { chunks: 0, bytes: 0 };
    let after = "";
    for (;;) {
      const from = after;
      const [row] = await this.#database.read((em) => em.execute<Row[]>(STEP, [node, from]));
      const chunks = Number(row?.chunks);
      usage.chunks += chunks;
      usage.bytes += Number(row?.bytes);
      if (row?.last == null || chunks < ROWS_PER_STEP) return usage;
      after = row.last;
      await breathe();
    }
  }
}
