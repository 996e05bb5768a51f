import type { Logger } from "pino";
import { databaseOptions } from "../../mikro-orm.config.ts";
import { Database } from "../database/database.ts";
import { isWanted } from "../metadata/chunks.ts";
import { NodeRegistry } from "../nodes/node-registry.ts";
import { NodeService } from "../nodes/node-service.ts";
import { NodeUsageCounter } from "../nodes/node-usage.ts";
import { type DamageReason, NodeSet } from "../storage/cluster/node-set.ts";
import { LocalNode } from "../storage/local/local-node.ts";
import { MemoryBudget } from "../storage/s3/memory-budget.ts";
import type { PhysicalNode } from "../storage/storage-node.ts";
import type { NodePool } from "../upkeep/node-pool.ts";
import { RepairQueue } from "../upkeep/repair-queue.ts";
import { openUpkeep, type Upkeep } from "../upkeep/upkeep.ts";
import { BackgroundJob } from "./background-job.ts";
import type { Config } from "./config.ts";
import type { NodeConfig } from "./node-setting.ts";

/** Within which all instances know that a node is draining. */
export const NODES_INTERVAL_MS = 5_000;
/** How often it is looked which nodes are to be probed, and whether one has come back. */
const PROBES_INTERVAL_MS = 2_000;

/** What servers and administrators' commands have in common: the database, the nodes and what keeps them whole. */
export interface StorageSetup {
  database: Database;
  registry: NodeRegistry;
  storage: NodeSet;
  repairs: RepairQueue;
  upkeep: Upkeep;
  nodes: NodeService;
  /** Ends the work in the background; `close` does so as well. */
  stop(): Promise<void>;
  /** Finishes the work under way, then lets go of everything. */
  close(): Promise<void>;
}

/**
 * Opens the database, migrated, and the nodes, probed once, and keeps what is known of the nodes fresh.
 * @param onQueued called when something may have come that can be repaired now
 */
export async function setUpStorage(config: Config, log: Logger, onQueued?: () => void): Promise<StorageSetup> {
  const placed = await openNodes(config);
  const database = await Database.open(databaseOptions(config.databaseUrl), {
    durability: config.durability,
    log: (message) => log.debug(message),
  });
  const registry = await NodeRegistry.open(database);
  let hasReturned = false;
  const repairs = new RepairQueue(database, log, onQueued);
  const storage = new NodeSet({
    nodes: placed,
    replicas: config.replicas,
    writeQuorum: config.writeQuorum,
    nodeTimeoutMs: config.nodeTimeoutMs,
    logger: log,
    admit: (node) => registry.admit(node),
    onDamage: (blobId: string, _node: string, reason: DamageReason) => repairs.report(blobId, reason),
    isWanted: (blobId) => database.read((em) => isWanted(em, blobId)),
    onReturn: () => {
      hasReturned = true;
    },
  });
  storage.setDraining(registry.draining);
  // A node that is down now may come back: the log and the health tell of it, and it stops nothing.
  await storage.probe().catch(() => {});
  const upkeep = openUpkeep({ database, pool: nodePool(storage), queue: repairs, log }, config);

  async function refresh(): Promise<void> {
    const replaced = await registry.refresh();
    storage.setDraining(registry.draining);
    if (replaced.length > 0) await storage.probeDue(replaced);
  }
  async function advanceRepairs(): Promise<void> {
    if (!hasReturned) return;
    await repairs.advance();
    hasReturned = false;
  }
  const watches = [
    new BackgroundJob("nodes", NODES_INTERVAL_MS, () => refresh().then(() => false), log),
    new BackgroundJob("probes", PROBES_INTERVAL_MS, () => storage.probeDue().then(() => false), log),
    new BackgroundJob("nodes that are back", PROBES_INTERVAL_MS, () => advanceRepairs().then(() => false), log),
  ];
  for (const watch of watches) watch.start();

  const usage = new NodeUsageCounter(database);
  const { replicas } = config;
  const nodes = new NodeService(database, { status: () => storage.status(), replicas, registry, usage, refresh });
  async function stop(): Promise<void> {
    await Promise.all(watches.map((watch) => watch.stop()));
  }

  return {
    database,
    registry,
    storage,
    repairs,
    upkeep,
    nodes,
    stop,
    async close() {
      await stop();
      await repairs.flush();
      await database.close();
    },
  };
}

async function openNodes({ storageNodes, replicas, s3Memory, durability }: Config): Promise<PhysicalNode[]> {
  const s3Copies = Math.min(replicas, storageNodes.filter(({ kind }) => kind === "S3").length);
  const budget = new MemoryBudget(s3Memory, Math.max(s3Copies, 1));
  const open = async (config: NodeConfig): Promise<PhysicalNode> => {
    if (config.kind === "LOCAL") return await LocalNode.open(config.name, config.directory, { durability });
    // Only who needs it pays for loading the AWS SDK.
    const { S3Node } = await import("../storage/s3/s3-node.ts");
    return new S3Node({ name: config.name, place: config, budget });
  };
  return await Promise.all(storageNodes.map(open));
}

function nodePool(storage: NodeSet): NodePool {
  return {
    replicas: storage.replicas,
    nodes: storage.nodes,
    async usable() {
      const status = await storage.status();
      return status.flatMap(({ name, state, freeBytes }) =>
        state === "DOWN" ? [] : { name, freeBytes, draining: state === "DRAINING" },
      );
    },
    place: (id, size, except) => storage.place(id, size, except),
  };
}
