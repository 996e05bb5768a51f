import { setTimeout as sleep } from "node:timers/promises";
import { NodeRegistry } from "../../src/nodes/node-registry.ts";
import { createLogger } from "../../src/setup/logging.ts";
import type { PhysicalNode } from "../../src/storage/storage-node.ts";
import { sweepChunks } from "../../src/upkeep/chunk-census.ts";
import { sweepOrphans } from "../../src/upkeep/orphans.ts";
import { RepairQueue } from "../../src/upkeep/repair-queue.ts";
import { inspect } from "./check.ts";
import { type Cluster, REPLICAS } from "./cluster.ts";
import { Violation } from "./requests.ts";

/** Age of a blob or chunk that nothing refers to: clients wait, so nothing is in the making. */
const ANY_AGE_MS = -60_000;
const LOOK_MS = 200;
/** Repairs that failed wait longer and longer: as if their time had come. */
const HURRY_MS = 2_000;
const DEADLINE_MS = 120_000;
const MOST_SHOWN = 20;

/**
 * With clients at rest and nothing harmed any more: waits until the servers have restored everything, doing at once what
 * they do once a day.
 * @throws Violation with what is still wrong
 */
export async function settle(cluster: Cluster, sweeper: DailySweep): Promise<void> {
  await sweeper.removeLeftovers();
  const deadline = performance.now() + DEADLINE_MS;
  let hurriedAt = Number.NEGATIVE_INFINITY;
  for (;;) {
    if (performance.now() - hurriedAt > HURRY_MS) {
      const hurry = "update repairs set next_attempt_at = ?";
      await cluster.database.transaction((em) => em.execute(hurry, [new Date(0)], "run"));
      await sweeper.run();
      hurriedAt = performance.now();
    }
    const findings = await inspect(cluster);
    if (findings.length === 0) return;
    if (performance.now() > deadline) {
      const shown = findings.slice(0, MOST_SHOWN).join("\n");
      throw new Violation(`After ${DEADLINE_MS / 1000} s still ${findings.length} things are wrong:\n${shown}`);
    }
    await sleep(LOOK_MS);
  }
}

/** What the service does once a day with what is older than a day, done at once with everything. */
export class DailySweep {
  readonly #cluster: Cluster;
  readonly #nodes: ReadonlyMap<string, PhysicalNode>;
  orphans = 0;

  private constructor(cluster: Cluster, nodes: ReadonlyMap<string, PhysicalNode>) {
    this.#cluster = cluster;
    this.#nodes = nodes;
  }

  static async open(cluster: Cluster): Promise<DailySweep> {
    const nodes = await Promise.all([...cluster.nodes.values()].map((victim) => victim.open()));
    const registry = await NodeRegistry.open(cluster.database);
    for (const node of nodes) await registry.admit(node);
    return new DailySweep(cluster, new Map(nodes.map((node) => [node.name, node])));
  }

  async run(): Promise<void> {
    const { database } = this.#cluster;
    const log = createLogger("silent");
    const queue = new RepairQueue(database, log);
    const pool = {
      timeoutMs: 30_000,
      replicas: REPLICAS,
      nodes: this.#nodes,
      usable: async () => [],
      candidates: () => [],
    };
    const context = { database, pool, queue, log };
    await sweepChunks(context, { ageMs: ANY_AGE_MS });
    for (const node of this.#nodes.values()) {
      const { orphans } = await sweepOrphans(context, node, { ageMs: ANY_AGE_MS, force: true });
      this.orphans += orphans;
    }
  }

  /** Half-written files of those who were killed. */
  async removeLeftovers(): Promise<void> {
    for (const node of this.#nodes.values()) await node.removeLeftovers(new Date(Date.now() - ANY_AGE_MS));
  }
}
