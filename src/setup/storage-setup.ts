import type { Logger } from "pino";
import { databaseOptions } from "../../mikro-orm.config.ts";
import { Database } from "../database/database.ts";
import { isWanted } from "../metadata/chunks.ts";
import { NodeRegistry } from "../nodes/node-registry.ts";
import { NodeService } from "../nodes/node-service.ts";
import { NodeUsageCounter } from "../nodes/node-usage.ts";
import { NodeSet } from "../storage/cluster/node-set.ts";
import { LocalNode } from "../storage/local/local-node.ts";
import { MemoryBudget } from "../storage/s3/memory-budget.ts";
import type { PhysicalNode } from "../storage/storage-node.ts";
import type { NodePool } from "../upkeep/node-pool.ts";
import { RepairQueue } from "../upkeep/repair-queue.ts";
import { openUpkeep, type Upkeep } from "../upkeep/upkeep.ts";
import type { Config } from "./config.ts";
import type { Job } from "./job-runner.ts";
import type { NodeConfig } from "./node-setting.ts";

/** Time within which all instances know that a node is draining. */
export const NODES_INTERVAL_MS = 5_000;
/** Time between two looks for nodes that are to be probed or have come back. */
const PROBES_INTERVAL_MS = 2_000;

/** What servers and administrators' commands have in common: the database, the nodes and what keeps them whole. */
export interface StorageSetup {
  database: Database;
  registry: NodeRegistry;
  storage: NodeSet;
  repairs: RepairQueue;
  upkeep: Upkeep;
  nodes: NodeService;
  /** Lets this process know what other instances or an operator changed of the nodes. */
  refreshNodes(): Promise<void>;
  /** When a node is back, lets the repairs that waited for it begin. */
  advanceRepairs(): Promise<void>;
  /** Lets go of everything. Jobs over it must have been stopped. */
  close(): Promise<void>;
}

/** What keeps the knowledge of the nodes fresh, in servers and commands alike. */
export function nodeJobs({ storage, refreshNodes, advanceRepairs }: StorageSetup): Job[] {
  return [
    { name: "nodes", intervalMs: NODES_INTERVAL_MS, run: refreshNodes },
    { name: "probes", intervalMs: PROBES_INTERVAL_MS, run: () => storage.probeDue() },
    // Apart from the probes: a node that doesn't answer its probe holds up nothing that waits for another.
    { name: "nodes that are back", intervalMs: PROBES_INTERVAL_MS, run: advanceRepairs },
  ];
}

/**
 * Opens the database, migrated, and the nodes, probed once.
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
    onDamage: (blobId, reason) => repairs.report(blobId, reason),
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
    hasReturned = false;
    try {
      await repairs.advance();
    } catch (error) {
      hasReturned = true;
      throw error;
    }
  }
  const usage = new NodeUsageCounter(database);
  const { replicas } = config;
  const nodes = new NodeService(database, { reports: () => storage.reports(), replicas, registry, usage, refresh });
  return {
    database,
    registry,
    storage,
    repairs,
    upkeep,
    nodes,
    refreshNodes: refresh,
    advanceRepairs,
    async close() {
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

/** The nodes as upkeep sees them: one by one. */
export function nodePool(storage: NodeSet): NodePool {
  return {
    timeoutMs: storage.timeoutMs,
    replicas: storage.replicas,
    nodes: storage.nodes,
    async usable() {
      return (await storage.reports()).filter(({ state }) => state !== "DOWN");
    },
    candidates: (id, size, except) => storage.candidates(id, size, except),
  };
}
