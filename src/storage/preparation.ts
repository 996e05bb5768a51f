import type { StorageNode } from "./storage-node.ts";

/** A blob whose bytes are about to come, or are coming. */
export interface ComingBlob {
  id: string;
  /** Bytes announced. */
  size: number;
  /** Id of the user who sends it; undefined where Stowage does. */
  owner?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** Does the work once every node has what it needs for the blob, such as memory. @throws ServiceUnavailableError, the signal's reason */
export async function whenPrepared<T>(
  nodes: readonly Pick<StorageNode, "prepare">[],
  blob: ComingBlob,
  work: () => Promise<T>,
): Promise<T> {
  const prepared = await Promise.allSettled(nodes.map((node) => node.prepare?.(blob)));
  try {
    for (const outcome of prepared) if (outcome.status === "rejected") throw outcome.reason;
    return await work();
  } finally {
    for (const outcome of prepared) if (outcome.status === "fulfilled") outcome.value?.();
  }
}
