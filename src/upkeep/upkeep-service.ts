import type { Database } from "../database/database.ts";
import { underReplicated } from "../metadata/chunk-census.ts";
import { ChunkRestorer } from "./chunk-restorer.ts";
import { chunksOn, type DrainOptions, type DrainProgress } from "./drain.ts";
import { Drainer } from "./drainer.ts";
import { Leases } from "./leases.ts";
import type { NodePool } from "./node-pool.ts";
import type { SweptNode } from "./orphan-sweeper.ts";
import { RateLimiter } from "./rate-limiter.ts";
import type { RebalanceOptions, RebalanceProgress } from "./rebalance.ts";
import { Rebalancer } from "./rebalancer.ts";
import type { RepairQueue } from "./repair-queue.ts";
import { Repairer } from "./repairer.ts";
import type { Scrub } from "./scrub-record.ts";
import { Scrubber, type ScrubNodeOptions } from "./scrubber.ts";
import { Sweeper } from "./sweeper.ts";
import type { UpkeepLogger } from "./upkeep-logger.ts";
import { UpkeepRequests } from "./upkeep-requests.ts";

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
  /** What some process is doing at the moment. */
  leases: { name: string; expiresInMs: number }[];
}

/** What keeps the stored bytes whole, and the acts of an administrator on whole nodes. */
export class UpkeepService {
  readonly repairer: Repairer;
  readonly scrubber: Scrubber;
  readonly sweeper: Sweeper;
  readonly drainer: Drainer;
  readonly rebalancer: Rebalancer;
  readonly requests: UpkeepRequests;
  readonly #database: Database;
  readonly #pool: NodePool;
  readonly #queue: RepairQueue;
  readonly #leases: Leases;

  constructor(database: Database, pool: NodePool, queue: RepairQueue, log: UpkeepLogger, options: UpkeepOptions) {
    const { repairRate, scrubRate, scrubPeriodMs: periodMs } = options;
    this.#database = database;
    this.#pool = pool;
    this.#queue = queue;
    this.#leases = new Leases(database);
    this.requests = new UpkeepRequests(database);
    const restorer = new ChunkRestorer(database, pool, new RateLimiter(repairRate), log);
    this.repairer = new Repairer(queue, restorer, this.#leases, log);
    this.drainer = new Drainer(database, restorer, this.#leases, log);
    this.rebalancer = new Rebalancer(database, pool, restorer, this.#leases, this.requests, log);
    const rate = new RateLimiter(scrubRate);
    this.scrubber = new Scrubber(database, pool, queue, this.#leases, this.requests, rate, log, { periodMs });
    this.sweeper = new Sweeper(database, pool, queue, this.#leases, log);
  }

  async status(): Promise<UpkeepStatus> {
    const [repairs, scrubs, leases] = [
      await this.#queue.length(),
      await this.scrubber.passes(),
      await this.#leases.held(),
    ];
    // A node that was taken away leaves its last pass behind.
    return { repairs, scrubs: scrubs.filter(({ node }) => this.#pool.nodes.has(node)), leases };
  }

  /** Chunks with fewer copies by their rows than wanted; looks at all of them. */
  underReplicated(): Promise<number> {
    return underReplicated(this.#database, this.#pool);
  }

  /** Chunks of which a row says that the node has a copy. */
  chunksOn(name: string): Promise<number> {
    return chunksOn(this.#database, name);
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
    return this.drainer.drainNode(name, options);
  }

  /** See `rebalance`. */
  rebalance(options: RebalanceOptions = {}): Promise<RebalanceProgress> {
    return this.rebalancer.rebalance(options);
  }
}
