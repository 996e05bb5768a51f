import type { EntityManager } from "../database/database.ts";
import type { StoredBlob } from "../storage/storage-node.ts";
import { insertRows, placeholders } from "./insert-rows.ts";

/** A chunk as the database knows it, with the nodes that have a copy by its rows. */
export interface KnownChunk extends StoredBlob {
  sha256: Uint8Array;
}

/** A chunk that has no rows yet. */
export type NewChunk = Omit<KnownChunk, "nodes">;

export interface CountedChunk {
  id: string;
  /** Whether a file has it. */
  isUsed: boolean;
  /** Copies on the nodes asked about, by the rows. */
  copies: number;
}

const CHUNK = `
  select chunk.id, chunk.size, chunk.sha256, chunk.block_checksums as checksums, replica.node
  from chunks chunk left join chunk_replicas replica on replica.chunk_id = chunk.id
  where chunk.id = ? order by replica.node`;
const WANTED = `
  select 1 as wanted from chunks chunk
  join file_chunks entry on entry.chunk_id = chunk.id join files file on file.id = entry.file_id
  where chunk.id = ? and chunk.freeing_at is null and file.status in ('OPEN', 'COMPLETE') limit 1`;
const countedPage = (nodes: number, limit: number) => `
  select chunk.id,
    exists (select 1 from file_chunks entry where entry.chunk_id = chunk.id) as used,
    (select count(*) from chunk_replicas replica
      where replica.chunk_id = chunk.id and replica.node in (${placeholders(nodes)})) as copies
  from chunks chunk where chunk.id > ? order by chunk.id limit ${limit}`;

export async function insertChunks(em: EntityManager, chunks: readonly NewChunk[], createdAt: Date): Promise<void> {
  const rows = chunks.map(({ id, size, sha256, checksums }) => [id, size, sha256, checksums, createdAt]);
  await insertRows(em, "chunks (id, size, sha256, block_checksums, created_at)", rows);
}

/** Finds a chunk; null when there is none, or nobody can ask for it any more: then it is being freed. */
export async function findChunk(em: EntityManager, id: string): Promise<KnownChunk | null> {
  const rows = await em.execute<(Omit<KnownChunk, "nodes"> & { node: string | null })[]>(CHUNK, [id]);
  const [first] = rows;
  if (first === undefined || !(await isWanted(em, id))) return null;
  const { size, sha256, checksums } = first;
  return { id, size, sha256, checksums, nodes: rows.flatMap(({ node }) => node ?? []) };
}

/** Whether an open upload or a complete file has the chunk, and it isn't being freed. */
export async function isWanted(em: EntityManager, id: string): Promise<boolean> {
  return (await em.execute<object[]>(WANTED, [id])).length > 0;
}

/** Picks the ids that no chunk has. */
export async function unknownChunks(em: EntityManager, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const rows = await em.execute<{ id: string }[]>(`select id from chunks where id in (${placeholders(ids.length)})`, [
    ...ids,
  ]);
  const known = new Set(rows.map(({ id }) => id));
  return ids.filter((id) => !known.has(id));
}

/** The chunks after an id, in the order of their ids. @param nodes those whose copies count */
export async function countedChunks(
  em: EntityManager,
  nodes: readonly string[],
  after: string,
  limit: number,
): Promise<CountedChunk[]> {
  type Row = { id: string; used: number | string; copies: number | string };
  const rows = await em.execute<Row[]>(countedPage(nodes.length, limit), [...nodes, after]);
  return rows.map(({ id, used, copies }) => ({ id, isUsed: Number(used) > 0, copies: Number(copies) }));
}

/** Makes all else that is done with these chunks' rows, references and copies wait until the transaction ends. */
export async function lockChunks(em: EntityManager, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  // Changes nothing, and locks the rows on both databases; by the primary key, so in one order for everybody.
  await em.execute(`update chunks set size = size where id in (${placeholders(ids.length)})`, [...ids], "run");
}
