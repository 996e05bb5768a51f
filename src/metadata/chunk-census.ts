import { setImmediate as breathe } from "node:timers/promises";
import type { Database } from "../database/database.ts";
import type { NodePool } from "../upkeep/node-pool.ts";
import type { RepairQueue } from "../upkeep/repair-queue.ts";
import type { UpkeepLogger } from "../upkeep/upkeep-logger.ts";

const BATCH = 1_000;
const UNUSED_AGE_MS = 24 * 3600_000;

const page = (nodes: number) => `
  select chunk.id,
    exists (select 1 from file_chunks entry where entry.chunk_id = chunk.id) as used,
    (select count(*) from chunk_replicas replica
      where replica.chunk_id = chunk.id and replica.node in (${Array(nodes).fill("?").join(", ")})) as copies
  from chunks chunk where chunk.id > ? order by chunk.id limit ${BATCH}`;

interface CountedChunk {
  id: string;
  /** Whether a file has it. */
  used: boolean;
  /** On nodes that are configured. */
  copies: number;
}

/** All chunks, in batches by id. */
async function* countChunks(database: Database, pool: NodePool): AsyncGenerator<CountedChunk[]> {
  const nodes = [...pool.nodes.keys()];
  for (let last = ""; ; ) {
    const values = [...nodes, last];
    type Row = { id: string; used: number | string; copies: number | string };
    const rows = await database.read((em) => em.execute<Row[]>(page(nodes.length), values));
    if (rows.length === 0) return;
    last = rows.at(-1)?.id ?? last;
    yield rows.map(({ id, used, copies }) => ({ id, used: Number(used) > 0, copies: Number(copies) }));
    await breathe();
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
  database: Database,
  pool: NodePool,
  queue: RepairQueue,
  log: UpkeepLogger,
  { signal, ageMs = UNUSED_AGE_MS }: { signal?: AbortSignal; ageMs?: number } = {},
): Promise<{ queued: number; removed: number }> {
  const result = { queued: 0, removed: 0 };
  const before = new Date(Date.now() - ageMs);
  for await (const chunks of countChunks(database, pool)) {
    signal?.throwIfAborted();
    const short = chunks.filter(({ used, copies }) => used && copies < pool.replicas);
    await queue.add(short.map(({ id }) => [id, "UNDER_REPLICATED"] as const));
    result.queued += short.length;
    for (const { id } of chunks.filter(({ used }) => !used)) {
      signal?.throwIfAborted();
      if (await removeUnused(database, pool, id, before)) result.removed++;
    }
  }
  if (result.queued + result.removed > 0) log.info(result, "chunks with too few copies or without a file were found");
  return result;
}

/** Blobs go before their rows, so that the rows are there to finish by. @returns false when it is young or in use */
async function removeUnused(database: Database, pool: NodePool, id: string, before: Date): Promise<boolean> {
  const [unused] = await database.read((em) =>
    em.execute<object[]>(
      `select id from chunks where id = ? and created_at < ?
       and not exists (select 1 from file_chunks entry where entry.chunk_id = chunks.id)`,
      [id, before],
    ),
  );
  if (unused === undefined) return false;
  const replicas = await database.read((em) =>
    em.execute<{ node: string }[]>("select node from chunk_replicas where chunk_id = ?", [id]),
  );
  for (const { node } of replicas) await pool.nodes.get(node)?.remove({ id, nodes: [node] });
  await database.transaction(async (em) => {
    await em.execute("delete from chunk_replicas where chunk_id = ?", [id], "run");
    await em.execute("delete from chunks where id = ?", [id], "run");
  });
  return true;
}
