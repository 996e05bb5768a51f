import type { Database } from "../database/database.ts";
import type { ChunkRestorer } from "./chunk-restorer.ts";
import { chunksOn, type DrainOptions, type DrainProgress, drainNode } from "./drain.ts";
import type { Leases } from "./leases.ts";
import type { UpkeepLogger } from "./upkeep-logger.ts";

const LEASE = "drain";
/** Nodes that may take the rest, or the only good copy, may be back by then; each attempt reads what it can't move. */
const RETRY_FAILED_MS = 10 * 60_000;

/** Empties nodes that are to be taken away, one process at a time. */
export class Drainer {
  readonly #database: Database;
  readonly #restorer: ChunkRestorer;
  readonly #leases: Leases;
  readonly #log: UpkeepLogger;
  /** When a node is tried again of which some chunks could not be moved. */
  readonly #retryAt = new Map<string, number>();

  constructor(database: Database, restorer: ChunkRestorer, leases: Leases, log: UpkeepLogger) {
    this.#database = database;
    this.#restorer = restorer;
    this.#leases = leases;
    this.#log = log;
  }

  /** Moves off what is left on these nodes, unless another process does. */
  async run(names: readonly string[], signal: AbortSignal): Promise<void> {
    for (const name of names) {
      if ((this.#retryAt.get(name) ?? 0) > performance.now()) continue;
      if (!signal.aborted && (await chunksOn(this.#database, name)) > 0) await this.#run(name, signal);
    }
  }

  async #run(name: string, signal: AbortSignal): Promise<void> {
    await this.#leases.hold(
      LEASE,
      async (lease) => {
        const isDraining = () => this.isDraining(name);
        const drain = { signal: lease.signal, isDraining };
        const progress = await drainNode(this.#database, this.#restorer, this.#leases, name, drain);
        if (progress.moved > 0) this.#log.info({ node: name, ...progress }, "chunks were moved off a draining node");
        if (progress.failed === 0) return;
        this.#log.error({ node: name, ...progress }, "chunks could not be moved off a draining node");
        this.#retryAt.set(name, performance.now() + RETRY_FAILED_MS);
      },
      { signal },
    );
  }

  /** Asks the database: what a process knows of it may be some seconds old. A node that isn't known any more has gone for good. */
  async isDraining(name: string): Promise<boolean> {
    const [row] = await this.#database.read((em) =>
      em.execute<{ draining: number }[]>("select draining from storage_nodes where name = ?", [name]),
    );
    return row === undefined || Number(row.draining) === 1;
  }

  /** See `drainNode`; waits while another process drains. */
  async drainNode(name: string, { signal, onWait, ...options }: DrainOptions = {}): Promise<DrainProgress> {
    let progress: DrainProgress | undefined;
    const waiting = { ...(signal && { signal }), ...(onWait && { onWait }) };
    await this.#leases.wait(
      LEASE,
      async (lease) => {
        const isDraining = () => this.isDraining(name);
        const drain = { isDraining, ...options, ...waiting, signal: lease.signal };
        progress = await drainNode(this.#database, this.#restorer, this.#leases, name, drain);
      },
      waiting,
    );
    return progress as DrainProgress;
  }
}
