import type { NodeReport } from "../storage/node-report.ts";
import type { PhysicalNode, StoredBlob } from "../storage/storage-node.ts";

/** What upkeep sees of the storage: the single nodes, where services see one. */
export interface NodePool {
  /** Milliseconds that a node may take for a step, such as the next buffer of a read. */
  readonly timeoutMs: number;
  /** Copies that each chunk shall have. */
  readonly replicas: number;
  /** All that are configured. */
  readonly nodes: ReadonlyMap<string, PhysicalNode>;
  /** The nodes that answer, and are who they should be, as found moments ago: none is DOWN. */
  usable(): Promise<NodeReport[]>;
  /** The usable nodes that may take a copy of the blob, the preferred first; none that is draining, nor those named. */
  candidates(id: StoredBlob["id"], size: number, except: ReadonlySet<string>): PhysicalNode[];
}
