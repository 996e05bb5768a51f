import type { Database } from "../database/database.ts";
import type { ChunkRestorer } from "./chunk-restorer.ts";
import type { HeldLease, Leases } from "./leases.ts";
import type { NodePool } from "./node-pool.ts";
import { type RebalanceOptions, type RebalanceProgress, rebalance } from "./rebalance.ts";
import type { UpkeepLogger } from "./upkeep-logger.ts";
import type { UpkeepRequests } from "./upkeep-requests.ts";

const LEASE = "rebalance";

/** Evens nodes out where somebody asks for it, one process at a time: two that measure alike would move twice as much. */
export class Rebalancer {
  readonly #database: Database;
  readonly #pool: NodePool;
  readonly #restorer: ChunkRestorer;
  readonly #leases: Leases;
  readonly #requests: UpkeepRequests;
  readonly #log: UpkeepLogger;

  constructor(
    database: Database,
    pool: NodePool,
    restorer: ChunkRestorer,
    leases: Leases,
    requests: UpkeepRequests,
    log: UpkeepLogger,
  ) {
    this.#database = database;
    this.#pool = pool;
    this.#restorer = restorer;
    this.#leases = leases;
    this.#requests = requests;
    this.#log = log;
  }

  /** Does what was asked for, unless another process does. */
  async runRequested(signal: AbortSignal): Promise<void> {
    if ((await this.#requests.find("REBALANCE")).length === 0) return;
    await this.#leases.hold(
      LEASE,
      async (lease) => {
        for (const request of await this.#requests.find("REBALANCE")) {
          const progress = await this.#rebalance(lease);
          this.#log.info(progress, "the nodes were rebalanced");
          await this.#requests.remove(request);
        }
      },
      { signal },
    );
  }

  /** See `rebalance`; waits while another process does it. */
  async rebalance({ signal, onWait, ...options }: RebalanceOptions = {}): Promise<RebalanceProgress> {
    let progress: RebalanceProgress | undefined;
    const waiting = { ...(signal && { signal }), ...(onWait && { onWait }) };
    await this.#leases.wait(
      LEASE,
      async (lease) => {
        progress = await this.#rebalance(lease, { ...options, ...waiting });
      },
      waiting,
    );
    return progress as RebalanceProgress;
  }

  #rebalance({ signal }: HeldLease, options: RebalanceOptions = {}): Promise<RebalanceProgress> {
    return rebalance(this.#database, this.#pool, this.#restorer, this.#leases, { ...options, signal });
  }
}
