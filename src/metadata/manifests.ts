import type { EntityManager } from "../database/database.ts";
import type { StoredBlob } from "../storage/storage-node.ts";

/** One chunk of a file: where it stands in the file, and where it lies. */
export interface ManifestEntry {
  /** Of the chunk's first byte in the file. */
  offset: number;
  sha256: Uint8Array;
  blob: StoredBlob;
}

interface Row {
  position: number | string;
  id: string;
  size: number;
  sha256: Uint8Array;
  checksums: Uint8Array;
  node: string | null;
}

// One statement by hand: every range of a download begins with it.
const entriesFrom = (start: string, limit = "?") => `
  select entry.\`offset\` as position, chunk.id, chunk.size, chunk.sha256, chunk.block_checksums as checksums, replica.node
  from (
    select \`offset\`, chunk_id from file_chunks
    where file_id = ? and \`offset\` >= ${start}
    order by \`offset\` limit ${limit}
  ) entry
  join chunks chunk on chunk.id = entry.chunk_id
  left join chunk_replicas replica on replica.chunk_id = chunk.id
  order by entry.\`offset\`, replica.node`;
const FROM_OFFSET = entriesFrom("?");
const FROM_POSITION = entriesFrom(
  "coalesce((select max(`offset`) from file_chunks where file_id = ? and `offset` <= ?), 0)",
);
// It counts up to there, in the index alone.
const FROM_INDEX = entriesFrom("0", "? offset ?");

function entriesOf(rows: readonly Row[]): ManifestEntry[] {
  const entries: (ManifestEntry & { blob: { nodes: string[] } })[] = [];
  for (const { position, id, size, sha256, checksums, node } of rows) {
    let entry = entries.at(-1);
    if (entry?.blob.id !== id || entry.offset !== Number(position)) {
      entry = { offset: Number(position), sha256, blob: { id, size, checksums, nodes: [] } };
      entries.push(entry);
    }
    if (node !== null) entry.blob.nodes.push(node);
  }
  return entries;
}

/** @returns the entries whose chunks begin at or behind `offset`, in order, at most `limit` of them */
export async function readManifest(em: EntityManager, fileId: string, offset: number, limit: number) {
  return entriesOf(await em.execute<Row[]>(FROM_OFFSET, [fileId, offset, limit]));
}

/** @returns the entry whose chunk holds the byte at `position` and those behind it, in order, at most `limit` of them */
export async function readManifestAt(em: EntityManager, fileId: string, position: number, limit: number) {
  return entriesOf(await em.execute<Row[]>(FROM_POSITION, [fileId, fileId, position, limit]));
}

/** @returns the entries from the zero-based `index` on, in order, at most `limit` of them, whatever their sizes */
export async function readManifestFrom(em: EntityManager, fileId: string, index: number, limit: number) {
  return entriesOf(await em.execute<Row[]>(FROM_INDEX, [fileId, limit, index]));
}
