import type { Database } from "../database/database.ts";
import { type NodeUsage, usageOf } from "../metadata/replicas.ts";

const MAX_AGE_MS = 60_000;

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

  /** Gives what was counted last, by node, at once but for the first time. */
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
    for (const node of nodes) counts.set(node, await usageOf(this.#database, node));
    this.#latest = counts;
    this.#dueAt = performance.now() + Math.max(MAX_AGE_MS, 9 * (performance.now() - startedAt));
    return counts;
  }
}
