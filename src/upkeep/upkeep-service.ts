import type { Database } from "../database.ts";
import { underReplicated } from "./chunk-census.ts";
import { ChunkRestorer } from "./chunk-restorer.ts";
import { type DrainOptions, type DrainProgress, drainNode } from "./drain.ts";
import { Leases } from "./leases.ts";
import type { NodePool } from "./node-pool.ts";
import type { SweptNode } from "./orphan-sweeper.ts";
import { RateLimiter } from "./rate-limiter.ts";
import { type RebalanceOptions, type RebalanceProgress, rebalance } from "./rebalance.ts";
import type { RepairQueue } from "./repair-queue.ts";
import { Repairer } from "./repairer.ts";
import type { Scrub } from "./scrub.ts";
import { Scrubber, type ScrubNodeOptions } from "./scrubber.ts";
import { Sweeper } from "./sweeper.ts";
import type { UpkeepLogger } from "./upkeep-logger.ts";

export interface UpkeepOptions {
  /** Bytes a second. */
  repairRate: number;
  scrubRate: number;
  /** Null for no scrub by itself. */
  scrubPeriodMs: number | null;
}

export interface UpkeepStatus {
  repairs: { waiting: number; unrestorable: number };
  scrubs: Scrub[];
}

/** What keeps the stored bytes whole, and the acts of an administrator on whole nodes. */
export class UpkeepService {
  readonly repairer: Repairer;
  readonly scrubber: Scrubber;
  readonly sweeper: Sweeper;
  readonly #database: Database;
  readonly #pool: NodePool;
  readonly #queue: RepairQueue;
  readonly #leases: Leases;
  readonly #restorer: ChunkRestorer;

  constructor(database: Database, pool: NodePool, queue: RepairQueue, log: UpkeepLogger, options: UpkeepOptions) {
    const { repairRate, scrubRate, scrubPeriodMs: periodMs } = options;
    this.#database = database;
    this.#pool = pool;
    this.#queue = queue;
    this.#leases = new Leases(database);
    this.#restorer = new ChunkRestorer(database, pool, new RateLimiter(repairRate), log);
    this.repairer = new Repairer(queue, this.#restorer, this.#leases, log);
    this.scrubber = new Scrubber(database, pool, queue, this.#leases, new RateLimiter(scrubRate), log, { periodMs });
    this.sweeper = new Sweeper(database, pool, queue, this.#leases, log);
  }

  async status(): Promise<UpkeepStatus> {
    return { repairs: await this.#queue.length(), scrubs: await this.scrubber.passes() };
  }

  /** Chunks with fewer copies by their rows than wanted; looks at all of them. */
  underReplicated(): Promise<number> {
    return underReplicated(this.#database, this.#pool);
  }

  /** See `Scrubber.scrubNode`. */
  scrubNode(name: string, options: ScrubNodeOptions = {}): Promise<Scrub> {
    return this.scrubber.scrubNode(name, options);
  }

  /** See `Sweeper.sweepNode`. */
  sweepNode(name: string, options: { force?: boolean; signal?: AbortSignal } = {}): Promise<SweptNode> {
    return this.sweeper.sweepNode(name, options);
  }

  /** See `drainNode`. */
  drainNode(name: string, options: DrainOptions = {}): Promise<DrainProgress> {
    return drainNode(this.#database, this.#restorer, this.#leases, name, options);
  }

  /** See `rebalance`. */
  rebalance(options: RebalanceOptions = {}): Promise<RebalanceProgress> {
    return rebalance(this.#database, this.#pool, this.#restorer, this.#leases, options);
  }
}
