import { setImmediate } from "node:timers/promises";
import type { Database } from "../database/database.ts";
import { markUnused, removeChunks } from "../metadata/chunk-freeing.ts";
import { type CountedChunk, countedChunks } from "../metadata/chunks.ts";
import { nodesOf } from "../metadata/replicas.ts";
import type { NodePool } from "./node-pool.ts";
import type { UpkeepContext } from "./upkeep-context.ts";

const BATCH = 1_000;
const UNUSED_AGE_MS = 24 * 3600_000;

/** All chunks, in batches by id. */
async function* countChunks(database: Database, pool: NodePool): AsyncGenerator<CountedChunk[]> {
  const nodes = [...pool.nodes.keys()];
  for (let last = ""; ; ) {
    const chunks = await database.read((em) => countedChunks(em, nodes, last, BATCH));
    if (chunks.length === 0) return;
    last = chunks.at(-1)?.id ?? last;
    yield chunks;
    await setImmediate();
  }
}

/** How many chunks have fewer copies by their rows than wanted. */
export async function underReplicated(database: Database, pool: NodePool): Promise<number> {
  let count = 0;
  for await (const chunks of countChunks(database, pool)) {
    count += chunks.filter(({ copies }) => copies < pool.replicas).length;
  }
  return count;
}

/**
 * Looks at all chunks' rows: those with too few copies are queued, since what told of it may have died before it was
 * written down; those that no file has, and are old, are removed.
 */
export async function sweepChunks(
  { database, pool, queue, log }: Pick<UpkeepContext, "database" | "pool" | "queue" | "log">,
  { signal, ageMs = UNUSED_AGE_MS }: { signal?: AbortSignal; ageMs?: number } = {},
): Promise<{ queued: number; removed: number }> {
  const result = { queued: 0, removed: 0 };
  const before = new Date(Date.now() - ageMs);
  for await (const chunks of countChunks(database, pool)) {
    signal?.throwIfAborted();
    const short = chunks.filter(({ isUsed, copies }) => isUsed && copies < pool.replicas);
    await queue.add(short.map(({ id }) => [id, "UNDER_REPLICATED"] as const));
    result.queued += short.length;
    for (const { id } of chunks.filter(({ isUsed }) => !isUsed)) {
      signal?.throwIfAborted();
      try {
        if (await removeUnused(database, pool, id, before)) result.removed++;
      } catch (err) {
        log.warn(
          { chunk: id, err },
          "a chunk without a file could not be removed; it is tried again by the next sweep",
        );
      }
    }
  }
  if (result.queued + result.removed > 0) log.info(result, "chunks with too few copies or without a file were found");
  return result;
}

/** See chunk-freeing.ts for the order. @returns false when it is young or in use */
async function removeUnused(database: Database, pool: NodePool, id: string, before: Date): Promise<boolean> {
  if (!(await database.transaction((em) => markUnused(em, id, before)))) return false;
  const nodes = await database.read((em) => nodesOf(em, id));
  for (const node of nodes) await pool.nodes.get(node)?.remove({ id, nodes: [node] });
  await database.transaction((em) => removeChunks(em, [id]));
  return true;
}
