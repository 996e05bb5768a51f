import type { Logger } from "pino";
import type { Sessions } from "../access/sessions.ts";
import { mayExpire } from "../database/database-clock.ts";
import { Freer, forgetClosedFiles } from "../files/freeing.ts";
import type { Job } from "../setup/job-runner.ts";
import { nodeJobs, type StorageSetup } from "../setup/storage-setup.ts";
import { expireUploads } from "../uploads/expiry.ts";

const HOUR_MS = 3600_000;
const REPAIR_INTERVAL_MS = 2_000;
const FREE_INTERVAL_MS = 5_000;
/** Time within which a server sees what an administrator asked for. */
const REQUEST_INTERVAL_MS = 5_000;
const MOST_BETWEEN_SCRUBS_MS = 60_000;
const SWEEP_INTERVAL_MS = 24 * HOUR_MS;
/** Servers that start together don't all look at once. */
const FIRST_SWEEP_WITHIN_MS = 60_000;
/** What an interrupted write left is a leftover once nothing was added to it for this long. */
const LEFTOVER_AGE_MS = 24 * HOUR_MS;

export interface BackgroundWork {
  setup: StorageSetup;
  sessions: Sessions;
  /** Time in which every chunk is verified once; null for never by itself. */
  scrubPeriodMs: number | null;
  log: Logger;
}

/** All that a server does beside the requests. Of those under a lease, one server at a time does the work. */
export function backgroundJobs({ setup, sessions, scrubPeriodMs, log }: BackgroundWork): Job[] {
  const { database, registry, storage, upkeep } = setup;
  const scrub: Job = {
    name: "scrub",
    intervalMs: Math.min(MOST_BETWEEN_SCRUBS_MS, Math.max(1_000, (scrubPeriodMs ?? 0) / 100)),
    run: (signal) => upkeep.scrubber.run(signal),
  };
  const freer = new Freer(database, storage, log);
  return [
    ...nodeJobs(setup),
    { name: "repair", intervalMs: REPAIR_INTERVAL_MS, run: (signal) => upkeep.repairer.run(signal) },
    ...(scrubPeriodMs === null ? [] : [scrub]),
    {
      name: "sweep",
      intervalMs: HOUR_MS,
      firstAfterMs: Math.random() * FIRST_SWEEP_WITHIN_MS,
      run: (signal) => upkeep.sweeper.run(signal, SWEEP_INTERVAL_MS),
    },
    {
      name: "drain",
      intervalMs: REQUEST_INTERVAL_MS,
      run: (signal) => upkeep.drainer.run(registry.draining, signal),
    },
    {
      name: "requested scrub",
      intervalMs: REQUEST_INTERVAL_MS,
      run: (signal) => upkeep.scrubber.runRequested(signal),
    },
    {
      name: "requested rebalance",
      intervalMs: REQUEST_INTERVAL_MS,
      run: (signal) => upkeep.rebalancer.runRequested(signal),
    },
    {
      name: "free",
      intervalMs: FREE_INTERVAL_MS,
      async run(signal) {
        const failed = (upload: string, err: unknown) =>
          log.warn({ upload, err }, "an upload could not be expired yet");
        if (await mayExpire(database)) await expireUploads(database, failed, signal);
        await freer.run(signal);
      },
    },
    {
      name: "tidy",
      intervalMs: HOUR_MS,
      async run() {
        if (!(await mayExpire(database))) return;
        const steps = {
          tokens: () => sessions.removeExpired(),
          files: () => forgetClosedFiles(database),
          leftovers: () => storage.removeLeftovers(new Date(Date.now() - LEFTOVER_AGE_MS)),
        };
        for (const [step, run] of Object.entries(steps)) {
          await run().catch((err) => log.warn({ step, err }, "what is old could not be removed; it is tried again"));
        }
      },
    },
  ];
}
