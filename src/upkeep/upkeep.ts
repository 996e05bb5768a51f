import { underReplicated } from "./chunk-census.ts";
import { ChunkRestorer } from "./chunk-restorer.ts";
import { Drainer } from "./drainer.ts";
import { Leases } from "./leases.ts";
import { RateLimiter } from "./rate-limiter.ts";
import { Rebalancer } from "./rebalancer.ts";
import { Repairer } from "./repairer.ts";
import type { ScrubRecord } from "./scrub-record.ts";
import { Scrubber } from "./scrubber.ts";
import { Sweeper } from "./sweeper.ts";
import type { UpkeepContext } from "./upkeep-context.ts";
import { UpkeepRequests } from "./upkeep-requests.ts";

export interface UpkeepOptions {
  /** Bytes a second. */
  repairRate: number;
  scrubRate: number;
  /** Null for no scrub by itself. */
  scrubPeriodMs: number | null;
}

interface UpkeepStatus {
  repairs: { waiting: number; unrestorable: number };
  scrubs: ScrubRecord[];
  /** What some process is doing at the moment. */
  leases: { name: string; expiresInMs: number }[];
}

/** Workers that keep the stored bytes whole, one for each work, and what administrators asked of them. */
export interface Upkeep {
  readonly repairer: Repairer;
  readonly scrubber: Scrubber;
  readonly sweeper: Sweeper;
  readonly drainer: Drainer;
  readonly rebalancer: Rebalancer;
  readonly requests: UpkeepRequests;
  status(): Promise<UpkeepStatus>;
  /** Counts the chunks with fewer copies by their rows than wanted; looks at all of them. */
  underReplicated(): Promise<number>;
}

export function openUpkeep(
  { database, pool, queue, log }: Omit<UpkeepContext, "leases" | "requests">,
  { repairRate, scrubRate, scrubPeriodMs }: UpkeepOptions,
): Upkeep {
  const leases = new Leases(database);
  const requests = new UpkeepRequests(database);
  const context = { database, pool, queue, log, leases, requests };
  const restorer = new ChunkRestorer(context, new RateLimiter(repairRate));
  const scrubber = new Scrubber(context, new RateLimiter(scrubRate), scrubPeriodMs);
  return {
    repairer: new Repairer(context, restorer),
    scrubber,
    sweeper: new Sweeper(context),
    drainer: new Drainer(context, restorer),
    rebalancer: new Rebalancer(context, restorer),
    requests,
    async status() {
      const [repairs, scrubs, held] = [await queue.length(), await scrubber.passes(), await leases.held()];
      // A node that was taken away leaves its last pass behind.
      return { repairs, scrubs: scrubs.filter(({ node }) => pool.nodes.has(node)), leases: held };
    },
    underReplicated: () => underReplicated(database, pool),
  };
}
