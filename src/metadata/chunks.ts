import type { EntityManager } from "../database/database.ts";
import type { KnownChunk } from "../upkeep/replica.ts";

const CHUNK = `
  select chunk.id, chunk.size, chunk.sha256, chunk.block_checksums as checksums, replica.node
  from chunks chunk left join chunk_replicas replica on replica.chunk_id = chunk.id
  where chunk.id = ? order by replica.node`;
const WANTED = `
  select 1 as wanted from file_chunks entry join files file on file.id = entry.file_id
  where entry.chunk_id = ? and file.status in ('OPEN', 'COMPLETE') limit 1`;
// Changes nothing, but locks the row on both databases: what else happens to this chunk's replicas waits.
const LOCK = "update chunks set size = size where id = ?";
const NODES = "select node from chunk_replicas where chunk_id = ?";
const INSERT = "insert into chunk_replicas (chunk_id, node) values (?, ?)";

type Row = Omit<KnownChunk, "nodes"> & { node: string | null };

/** Null when there is no such chunk, or nobody can ask for it any more: then it is being freed. */
export async function findChunk(em: EntityManager, id: string): Promise<KnownChunk | null> {
  const rows = await em.execute<Row[]>(CHUNK, [id]);
  const [first] = rows;
  if (first === undefined || !(await isWanted(em, id))) return null;
  const { size, sha256, checksums } = first;
  return { id, size, sha256, checksums, nodes: rows.flatMap(({ node }) => node ?? []) };
}

/** Whether a file that somebody can ask for has the chunk. */
export async function isWanted(em: EntityManager, id: string): Promise<boolean> {
  return (await em.execute<object[]>(WANTED, [id])).length > 0;
}

/** The nodes that hold the chunk by its rows, which stay as they are until the transaction ends. */
export async function lockReplicas(em: EntityManager, id: string): Promise<Set<string>> {
  await em.execute(LOCK, [id], "run");
  const rows = await em.execute<{ node: string }[]>(NODES, [id]);
  return new Set(rows.map(({ node }) => node));
}

/** @param present what `lockReplicas` told */
export async function addReplica(em: EntityManager, id: string, node: string, present: ReadonlySet<string>) {
  if (!present.has(node)) await em.execute(INSERT, [id, node], "run");
}

export async function dropReplicas(em: EntityManager, id: string, nodes: readonly string[]): Promise<void> {
  if (nodes.length === 0) return;
  const marks = nodes.map(() => "?").join(", ");
  await em.execute(`delete from chunk_replicas where chunk_id = ? and node in (${marks})`, [id, ...nodes], "run");
}
