import type { Logger } from "pino";
import { BackgroundJob } from "../setup/background-job.ts";
import type { Upkeep } from "../upkeep/upkeep.ts";

const REPAIR_INTERVAL_MS = 2_000;
const MOST_BETWEEN_SCRUBS_MS = 60_000;
const SWEEP_LOOK_MS = 3600_000;
const SWEEP_INTERVAL_MS = 24 * 3600_000;
const REQUESTED_INTERVAL_MS = 5_000;
/** Servers that start together don't all look at once. */
const FIRST_SWEEP_WITHIN_MS = 60_000;

export interface UpkeepJobs {
  /** Lets repairs begin now. */
  wakeRepairs(): void;
  start(): void;
  /** Resolves when the work under way has come to a safe place. */
  stop(): Promise<void>;
}

/**
 * @param draining the names of the nodes that are draining, as last known
 * @param scrubPeriodMs null for never
 */
export function upkeepJobs(
  upkeep: Upkeep,
  draining: () => readonly string[],
  scrubPeriodMs: number | null,
  log: Logger,
): UpkeepJobs {
  const repair = new BackgroundJob("repair", REPAIR_INTERVAL_MS, (signal) => upkeep.repairer.run(signal), log);
  const scrubIntervalMs = Math.min(MOST_BETWEEN_SCRUBS_MS, Math.max(1_000, (scrubPeriodMs ?? 0) / 100));
  const scrub = new BackgroundJob(
    "scrub",
    scrubIntervalMs,
    async (signal) => {
      await upkeep.scrubber.run(signal);
      return false;
    },
    log,
  );
  const sweep = new BackgroundJob(
    "sweep orphans",
    SWEEP_LOOK_MS,
    async (signal) => {
      await upkeep.sweeper.run(signal, SWEEP_INTERVAL_MS);
      return false;
    },
    log,
  );
  const requested = (name: string, run: (signal: AbortSignal) => Promise<void>) =>
    new BackgroundJob(
      name,
      REQUESTED_INTERVAL_MS,
      async (signal) => {
        await run(signal);
        return false;
      },
      log,
    );
  const acts = [
    requested("drain", (signal) => upkeep.drainer.run(draining(), signal)),
    requested("requested scrub", (signal) => upkeep.scrubber.runRequested(signal)),
    requested("requested rebalance", (signal) => upkeep.rebalancer.runRequested(signal)),
  ];
  let firstSweep: NodeJS.Timeout | undefined;
  return {
    wakeRepairs: () => repair.wake(),
    start() {
      repair.start();
      if (scrubPeriodMs !== null) scrub.start();
      for (const act of acts) act.start();
      firstSweep = setTimeout(() => sweep.start(), Math.random() * FIRST_SWEEP_WITHIN_MS).unref();
    },
    async stop() {
      clearTimeout(firstSweep);
      await Promise.all([repair, scrub, sweep, ...acts].map((job) => job.stop()));
    },
  };
}
