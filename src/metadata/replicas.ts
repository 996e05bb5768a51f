import { setImmediate } from "node:timers/promises";
import type { Database, EntityManager } from "../database/database.ts";
import { type KnownChunk, lockChunks } from "./chunks.ts";
import { insertRows, placeholders } from "./insert-rows.ts";

type Count = { chunks: number | string };

const NODES = "select node from chunk_replicas where chunk_id = ? order by node";
/** A step along the index, as of `USAGE`. */
const COUNT = `
  select count(*) as chunks, max(chunk_id) as last from (
    select chunk_id from chunk_replicas where node = ? and chunk_id > ? and chunk_id < ? order by chunk_id limit ?
  ) replica`;
const ANY = "select 1 from chunk_replicas where node = ? limit 1";
const PAGE = `
  select chunk.id, chunk.size, chunk.sha256, chunk.block_checksums as checksums
  from chunk_replicas replica join chunks chunk on chunk.id = replica.chunk_id
  where replica.node = ? and replica.chunk_id > ? and replica.chunk_id < ?
  order by replica.chunk_id limit ?`;
/** A step along the index, since an embedded database holds up everything while it answers. */
const USAGE = `
  select count(*) as chunks, coalesce(sum(chunk.size), 0) as bytes, max(replica.chunk_id) as last
  from (select chunk_id from chunk_replicas where node = ? and chunk_id > ? order by chunk_id limit ?) replica
  join chunks chunk on chunk.id = replica.chunk_id`;
/** Goes along the index by node, without reading every row. */
const NEXT_NODE = "select min(node) as node from chunk_replicas where node > ?";
/** Sorts after every id. */
const LAST_ID = "g";

const ROWS_PER_STEP = 5_000;

export interface NodeUsage {
  chunks: number;
  /** Bytes. */
  bytes: number;
}

interface ReplicaRange {
  /** An id; only chunks after it. */
  after?: string;
  /** An id; only chunks before it. */
  before?: string;
}

/** Adds the rows of copies; to be called for a new chunk, or after `lockReplicas` and `isWanted` under the lease `copies`: no copy is added to a chunk that is freed. */
export async function insertReplicas(
  em: EntityManager,
  chunks: readonly { id: string; nodes: readonly string[] }[],
): Promise<void> {
  const rows = chunks.flatMap(({ id, nodes }) => nodes.map((node) => [id, node]));
  await insertRows(em, "chunk_replicas (chunk_id, node)", rows);
}

/** The nodes that hold the chunk by its rows. */
export async function nodesOf(em: EntityManager, chunkId: string): Promise<string[]> {
  return (await em.execute<{ node: string }[]>(NODES, [chunkId])).map(({ node }) => node);
}

/** The nodes that hold the chunk by its rows, which stay as they are until the transaction ends. */
export async function lockReplicas(em: EntityManager, chunkId: string): Promise<Set<string>> {
  await lockChunks(em, [chunkId]);
  return new Set(await nodesOf(em, chunkId));
}

/** Deletes the rows of copies; to be called after `lockReplicas`, under the lease `copies`. */
export async function dropReplicas(em: EntityManager, chunkId: string, nodes: readonly string[]): Promise<void> {
  if (nodes.length === 0) return;
  const statement = `delete from chunk_replicas where chunk_id = ? and node in (${placeholders(nodes.length)})`;
  await em.execute(statement, [chunkId, ...nodes], "run");
}

/** How many chunks the node holds by the rows. @param before an id; only chunks before it count */
export async function countOn(database: Database, node: string, before = LAST_ID): Promise<number> {
  type Row = Count & { last: string | null };
  let count = 0;
  for (let after = ""; ; ) {
    const [row] = await database.read((em) => em.execute<Row[]>(COUNT, [node, after, before, ROWS_PER_STEP]));
    const chunks = Number(row?.chunks ?? 0);
    count += chunks;
    if (row?.last == null || chunks < ROWS_PER_STEP) return count;
    after = row.last;
    await setImmediate();
  }
}

export async function isAnyOn(em: EntityManager, node: string): Promise<boolean> {
  return (await em.execute<object[]>(ANY, [node])).length > 0;
}

/** The chunks that the node holds by the rows, in the order of their ids; of each, this node alone is named. */
export async function chunksOnNode(
  em: EntityManager,
  node: string,
  { after = "", before = LAST_ID }: ReplicaRange,
  limit: number,
): Promise<KnownChunk[]> {
  const rows = await em.execute<Omit<KnownChunk, "nodes">[]>(PAGE, [node, after, before, limit]);
  return rows.map((row) => ({ ...row, nodes: [node] }));
}

/** Counts all that lies on the node by the rows. */
export async function usageOf(database: Database, node: string): Promise<NodeUsage> {
  type Row = Count & { bytes: number | string; last: string | null };
  const usage = { chunks: 0, bytes: 0 };
  for (let after = ""; ; ) {
    const [row] = await database.read((em) => em.execute<Row[]>(USAGE, [node, after, ROWS_PER_STEP]));
    const chunks = Number(row?.chunks);
    usage.chunks += chunks;
    usage.bytes += Number(row?.bytes);
    if (row?.last == null || chunks < ROWS_PER_STEP) return usage;
    after = row.last;
    await setImmediate();
  }
}

/** The next name, in the order of names, of a node that holds a chunk by the rows; null after the last. */
export async function nextNode(em: EntityManager, after: string): Promise<string | null> {
  const [row] = await em.execute<{ node: string | null }[]>(NEXT_NODE, [after]);
  return row?.node ?? null;
}

/** Picks the ids that no row says are on the node. */
export async function unknownOn(em: EntityManager, node: string, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const statement = `select chunk_id as id from chunk_replicas where node = ? and chunk_id in (${placeholders(ids.length)})`;
  const known = new Set((await em.execute<{ id: string }[]>(statement, [node, ...ids])).map(({ id }) => id));
  return ids.filter((id) => !known.has(id));
}
