import type { Database, EntityManager } from "../database/database.ts";
import type { StoredBlob } from "../storage/storage-node.ts";

/** One chunk of a file: where it stands in the file, and where it lies. */
export interface ManifestEntry {
  /** Byte of the file at which the chunk begins. */
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

/** @returns the entries whose chunks begin at or after `offset`, in order, at most `limit` of them */
export async function readManifest(em: EntityManager, fileId: string, offset: number, limit: number) {
  return entriesOf(await em.execute<Row[]>(FROM_OFFSET, [fileId, offset, limit]));
}

/** @returns the entry whose chunk holds the byte at `position` and those after it, in order, at most `limit` of them */
export async function readManifestAt(em: EntityManager, fileId: string, position: number, limit: number) {
  return entriesOf(await em.execute<Row[]>(FROM_POSITION, [fileId, fileId, position, limit]));
}

/** @returns the entries from the zero-based `index` on, in order, at most `limit` of them, whatever their sizes */
export async function readManifestFrom(em: EntityManager, fileId: string, index: number, limit: number) {
  return entriesOf(await em.execute<Row[]>(FROM_INDEX, [fileId, limit, index]));
}

const DIGEST = `
  select chunk.sha256 from file_chunks entry join chunks chunk on chunk.id = entry.chunk_id
  where entry.file_id = ? and entry.\`offset\` = ?`;
/** How many digests a statement reads: memory stays flat however many chunks a file has. */
const DIGESTS_PER_READ = 20_000;
const DIGESTS = `
  select entry.\`offset\` as position, chunk.sha256
  from file_chunks entry join chunks chunk on chunk.id = entry.chunk_id
  where entry.file_id = ? and entry.\`offset\` > ? order by entry.\`offset\` limit ${DIGESTS_PER_READ}`;
const MOVE = "update file_chunks set file_id = ?, `offset` = `offset` + ? where file_id = ?";
const HOME = `
  select file.id, file.filename, owner.username, entry.offset
  from file_chunks entry join files file on file.id = entry.file_id join users owner on owner.id = file.owner_id
  where entry.chunk_id = ? limit 1`;

/** The SHA-256 of the chunk at an offset; null when there is none yet. */
export async function digestAt(em: EntityManager, fileId: string, offset: number): Promise<Buffer | null> {
  const [row] = await em.execute<{ sha256: Uint8Array }[]>(DIGEST, [fileId, offset]);
  return row === undefined ? null : Buffer.from(row.sha256);
}

/** The raw SHA-256 of each chunk of a file, in order. */
export async function* chunkDigests(database: Database, fileId: string): AsyncGenerator<Uint8Array> {
  type Row = { position: number | string; sha256: Uint8Array };
  for (let position = -1; ; ) {
    const rows = await database.read((em) => em.execute<Row[]>(DIGESTS, [fileId, position]));
    for (const row of rows) yield row.sha256;
    if (rows.length < DIGESTS_PER_READ) return;
    position = Number(rows.at(-1)?.position);
  }
}

/** Gives a whole manifest to another file: no chunk is copied, and none gets a second reference. @param by added to each offset */
export async function moveManifest(em: EntityManager, from: string, to: string, by: number): Promise<void> {
  await em.execute(MOVE, [to, by, from], "run");
}

/** Finds a file that has the chunk, to name it in a message. */
export async function homeOf(em: EntityManager, chunkId: string) {
  type Row = { id: string; filename: string; username: string; offset: number | string };
  const [row] = await em.execute<Row[]>(HOME, [chunkId]);
  return row === undefined ? null : { ...row, offset: Number(row.offset) };
}
