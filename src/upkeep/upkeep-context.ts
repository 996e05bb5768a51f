import type { Database } from "../database/database.ts";
import type { Leases } from "./leases.ts";
import type { NodePool } from "./node-pool.ts";
import type { RepairQueue } from "./repair-queue.ts";
import type { UpkeepLogger } from "./upkeep-logger.ts";
import type { UpkeepRequests } from "./upkeep-requests.ts";

/** What every worker of upkeep works with. */
export interface UpkeepContext {
  database: Database;
  pool: NodePool;
  queue: RepairQueue;
  leases: Leases;
  requests: UpkeepRequests;
  log: UpkeepLogger;
}
