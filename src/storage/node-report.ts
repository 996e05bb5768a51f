import type { NodeKind } from "./storage-node.ts";

/** DRAINING takes no new blobs; DOWN failed its last probe, or stalled. */
export type NodeState = "UP" | "DRAINING" | "DOWN";

/** A node as its last probe found it. */
export interface NodeReport {
  name: string;
  kind: NodeKind;
  state: NodeState;
  /** Null where the node can't tell or is down. */
  freeBytes: number | null;
  /** Reads and writes that failed on it since the start, bad checksums among them. */
  failures: number;
  /** Why it is down. */
  error?: unknown;
}

/** @returns why the node is down, for people; null where it isn't, or doesn't say */
export function downReason({ error }: Pick<NodeReport, "error">): string | null {
  if (error === undefined || error === null) return null;
  return error instanceof Error ? error.message : String(error);
}
