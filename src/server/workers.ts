import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import type { ServerLog } from "../setup/logging.ts";
import { closeOnSignals } from "./shutdown.ts";

/** A worker that ended sooner than this after its start is replaced only after as long, lest a fault spin. */
const RESPAWN_DELAY_MS = 1_000;

/** What a worker tells its primary when it listens. */
interface Ready {
  banner: string;
}

/** An error that is told by its message alone. */
export class WorkerError extends Error {}

export function reportReady(banner: string): void {
  process.send?.({ banner } satisfies Ready);
}

/**
 * Runs as many processes that share the port. One that dies is replaced; its connections break and nothing else. At a
 * signal each finishes what it has in flight.
 * @returns what the first of them reported, when all listen
 * @throws WorkerError when one ends instead
 */
export async function runWorkers(count: number, serverLog: ServerLog): Promise<string> {
  const { log } = serverLog;
  let closing = false;
  // Each accepts for itself: what the primary hands to one that has just died would be answered by nobody.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  // Before anything listens: from then on, requests are in flight.
  closeOnSignals(async () => {
    closing = true;
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
    await Promise.all(workers.map(end));
  }, serverLog);
  const start = async () => {
    try {
      return await ready(cluster.fork());
    } catch (error) {
      // The process ends when all have.
      if (closing) return new Promise<never>(() => {});
      throw error;
    }
  };
  // The first alone, since it may have a database to migrate; and its error is told once.
  const first = await start();
  await Promise.all(Array.from({ length: count - 1 }, start));

  cluster.on("exit", (worker: Worker, code: number, signal: string | null) => {
    if (closing) return;
    log.error({ worker: worker.process.pid, code, signal }, "a worker died; another takes its place");
    setTimeout(() => {
      if (!closing) cluster.fork();
    }, RESPAWN_DELAY_MS);
  });
  return first.banner;
}

async function end(worker: Worker): Promise<void> {
  if (worker.isDead()) return;
  const exited = once(worker, "exit");
  worker.process.kill("SIGTERM");
  await exited;
}

async function ready(worker: Worker): Promise<Ready> {
  const settled = new AbortController();
  const { signal } = settled;
  const ended = once(worker, "exit", { signal }).then(() => {
    throw new WorkerError("Stowage can't start: a worker ended, and said why above.");
  });
  // Once the other has come first, this one is only told to stop waiting.
  ended.catch(() => {});
  try {
    const [report] = await Promise.race([once(worker, "message", { signal }), ended]);
    return report as Ready;
  } finally {
    settled.abort();
  }
}
