import { setTimeout as sleep } from "node:timers/promises";
import type { Dialect } from "../support/databases.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { FaultClient } from "./clients.ts";
import { Cluster, type OnFinished } from "./cluster.ts";
import { type HarmedCopy, inflict } from "./inflict.ts";
import { type Epoch, planFaults } from "./plan.ts";
import { Report } from "./report.ts";
import { Violation } from "./requests.ts";
import { DailySweep, settle } from "./settle.ts";

const CLIENTS = 4;
const WARM_UP_MS = 1_000;

export interface FaultRun {
  dialect: Dialect;
  /** Whether one of the nodes is in an S3 store. */
  withS3: boolean;
  seed: number;
  faults: number;
}

/** Plans the faults, lets them happen while clients are busy, and compares. @throws Violation */
export async function runFaults({ dialect, withS3, seed, faults }: FaultRun, onFinished: OnFinished): Promise<Report> {
  const title = `${dialect}, three folders${withS3 ? " and a bucket" : ""}, seed ${seed}`;
  const cluster = await Cluster.create(dialect, withS3, onFinished);
  const report = new Report(title);
  try {
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, (_, i) =>
        FaultClient.register(cluster, seededRandom(seed + 1 + i), report, `client-${i}`),
      ),
    );
    const sweep = await DailySweep.open(cluster);
    await whileBusy(clients, () => sleep(WARM_UP_MS));
    const epochs = planFaults(seed, faults, cluster.shape);
    for (const [index, epoch] of epochs.entries()) {
      await inEpoch(`epoch ${index + 1} of ${epochs.length}, on ${epoch.node}`, async () => {
        const harmed = await runEpoch(epoch, cluster, clients, report);
        const startedAt = performance.now();
        await settle(cluster, sweep);
        report.add("ms until all was restored", Math.round(performance.now() - startedAt));
        await countRestored(cluster, harmed, report);
        for (const client of clients) await client.checkAll();
        report.progress();
      });
    }
    for (const client of clients) await client.finishAll();
    for (const client of clients) await client.checkAll();
    await settle(cluster, sweep);
    report.add("orphans swept", sweep.orphans);
    return report;
  } catch (error) {
    const output = await cluster.keepOutput();
    throw new Error(`${report}\nwhat the servers said: ${output}\n${(error as Error).message}`, { cause: error });
  }
}

async function inEpoch(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Violation) error.message = `${name}: ${error.message}`;
    throw error;
  }
}

async function runEpoch(epoch: Epoch, cluster: Cluster, clients: readonly FaultClient[], report: Report) {
  return await whileBusy(clients, async (stopped) => {
    const harmed = await inflict(epoch, cluster, report, stopped);
    if (epoch.ending === "restart" && !stopped()) {
      report.fault({ kind: "all servers killed" });
      await cluster.killAllServers();
    }
    return harmed;
  });
}

/** Clients do this and that until the work is done, or until one of them finds what must not be. */
async function whileBusy<T>(clients: readonly FaultClient[], work: (stopped: () => boolean) => Promise<T>): Promise<T> {
  let over = false;
  const until = async <R>(task: () => Promise<R>): Promise<R> => {
    try {
      return await task();
    } catch (error) {
      over = true;
      throw error;
    }
  };
  const busy = clients.map((client) =>
    until(async () => {
      while (!over) await client.act();
    }),
  );
  const working = until(() => work(() => over)).finally(() => {
    over = true;
  });
  const outcomes = await Promise.allSettled([...busy, working]);
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  return await working;
}

/** A copy counts as restored when its chunk is still there: then `settle` has seen that it has all its copies. */
async function countRestored({ database }: Cluster, harmed: readonly HarmedCopy[], report: Report): Promise<void> {
  const rows = await database.read((em) => em.execute<{ id: string }[]>("select id from chunks"));
  const present = new Set(rows.map(({ id }) => id));
  const restored = harmed.filter(({ id }) => present.has(id)).length;
  report.add("copies destroyed", harmed.length);
  report.add("copies restored", restored);
  report.add("copies of chunks freed meanwhile", harmed.length - restored);
}
