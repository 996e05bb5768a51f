import type { Database } from "../database/database.ts";
import { clockWatch, mayExpire } from "../runtime/clock-watch.ts";
import { sweepChunks } from "../metadata/chunk-census.ts";
import type { Leases } from "./leases.ts";
import type { NodePool } from "./node-pool.ts";
import { ORPHAN_AGE_MS, type SweptNode, sweepOrphans, TooManyOrphansError } from "./orphan-sweeper.ts";
import type { RepairQueue } from "./repair-queue.ts";
import type { UpkeepLogger } from "./upkeep-logger.ts";

const LEASE = "sweep";

/** Removes what nothing refers to any more. */
export class Sweeper {
  readonly #database: Database;
  readonly #pool: NodePool;
  readonly #queue: RepairQueue;
  readonly #leases: Leases;
  readonly #log: UpkeepLogger;

  constructor(database: Database, pool: NodePool, queue: RepairQueue, leases: Leases, log: UpkeepLogger) {
    this.#database = database;
    this.#pool = pool;
    this.#queue = queue;
    this.#leases = leases;
    this.#log = log;
  }

  /**
   * Sweeps once, unless another process does or has within `restMs`.
   * @param ageMs how old a blob or a chunk is that nothing refers to, if it is to go
   */
  async run(signal: AbortSignal, restMs?: number, ageMs?: number): Promise<void> {
    // After a jump, all that is under way may look as old as an orphan.
    if (!clockWatch.isSettled(ageMs ?? ORPHAN_AGE_MS) || !(await mayExpire(this.#database))) return;
    const options = { signal, ...(ageMs !== undefined && { ageMs }) };
    await this.#leases.hold(
      LEASE,
      async (lease) => {
        await sweepChunks(this.#database, this.#pool, this.#queue, this.#log, { ...options, signal: lease.signal });
        for (const { name } of await this.#pool.usable()) await this.#sweep(name, { ...options, signal: lease.signal });
      },
      { signal, ...(restMs !== undefined && { restMs }) },
    );
  }

  /**
   * Sweeps one node now.
   * @param force removes orphans also where they are most of what the node has
   * @throws TooManyOrphansError; RangeError when there is no such node; when it fails or isn't who it should be
   */
  async sweepNode(name: string, options: { force?: boolean; signal?: AbortSignal } = {}): Promise<SweptNode> {
    const node = this.#pool.nodes.get(name);
    if (node === undefined) throw new RangeError(`There is no storage node ${name}`);
    await node.probe();
    return sweepOrphans(this.#database, node, this.#queue, this.#log, options);
  }

  async #sweep(name: string, options: { signal: AbortSignal; ageMs?: number }): Promise<void> {
    const node = this.#pool.nodes.get(name);
    if (node === undefined) return;
    try {
      await node.probe();
      await sweepOrphans(this.#database, node, this.#queue, this.#log, options);
    } catch (err) {
      options.signal.throwIfAborted();
      const refused = err instanceof TooManyOrphansError;
      const message = refused
        ? "NOT swept: most blobs of this node are unknown to the database; if it is the right one, sweep the node by force"
        : "a node could not be swept; it is tried again";
      this.#log[refused ? "error" : "warn"]({ node: name, err }, message);
    }
  }
}
