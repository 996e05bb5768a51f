import { LockMode } from "@mikro-orm/core";
import type { EntityManager } from "../database/database.ts";
import { NotFoundError } from "../errors.ts";
import type { StoredBlob } from "../storage/storage-node.ts";
import { lockChunks } from "./chunks.ts";
import { FileRecord } from "./file-record.ts";
import { insertRows, placeholders } from "./insert-rows.ts";

/*
 * The end of a chunk. It is marked (`chunks.freeing_at`) by a transaction that locks its row and finds no reference but the
 * closed file's; whoever adds a reference locks the row as well and requires that there is no mark. So a chunk is either
 * referred to or freed, whoever comes first. Its blobs are removed after the mark, and its rows last: they are what the
 * work is finished by after a crash.
 */

/** A place in a file's manifest. */
export interface Reference {
  /** Byte of the file at which the chunk begins. */
  offset: number;
  chunkId: string;
}

/** A chunk is being freed: nothing can refer to it any more. */
export class ChunkFreeingError extends Error {
  constructor(ids: readonly string[]) {
    super(`Chunks that are being freed or gone can't be referred to: ${ids.join(", ")}`);
    this.name = new.target.name;
  }
}

/** A chunk that is marked, and the nodes that have a copy of it by the rows. */
export type MarkedChunk = Pick<StoredBlob, "id" | "nodes">;

/**
 * Adds an open or complete file's references to chunks that others refer to already: the only way to a second one, for
 * copies of files, which there aren't yet.
 * @throws ChunkFreeingError when one of the chunks is being freed or gone, NotFoundError when the file is closed; roll back then
 */
export async function addReferences(em: EntityManager, fileId: string, added: readonly Reference[]): Promise<void> {
  const ids = [...new Set(added.map(({ chunkId }) => chunkId))];
  if (ids.length === 0) return;
  const where = { id: fileId, status: { $in: ["OPEN", "COMPLETE"] } } as const;
  const file = await em.findOne(FileRecord, where, { fields: ["id"], lockMode: LockMode.PESSIMISTIC_WRITE });
  if (file === null) throw new NotFoundError("file");
  await lockChunks(em, ids);
  const kept = `select id from chunks where id in (${placeholders(ids.length)}) and freeing_at is null`;
  const found = new Set((await em.execute<{ id: string }[]>(kept, ids)).map(({ id }) => id));
  const missing = ids.filter((id) => !found.has(id));
  if (missing.length > 0) throw new ChunkFreeingError(missing);
  const rows = added.map(({ offset, chunkId }) => [fileId, offset, chunkId]);
  await insertRows(em, "file_chunks (file_id, `offset`, chunk_id)", rows);
}

/**
 * Gives up a closed file's references: chunks that another file refers to lose this one, the others are marked.
 * @returns the marked chunks, whose blobs can go now; `removeChunks` follows
 */
export async function giveUpReferences(
  em: EntityManager,
  fileId: string,
  references: readonly Reference[],
): Promise<MarkedChunk[]> {
  const ids = [...new Set(references.map(({ chunkId }) => chunkId))];
  if (ids.length === 0) return [];
  await lockChunks(em, ids);
  const list = placeholders(ids.length);
  const others = `select distinct chunk_id as id from file_chunks where chunk_id in (${list}) and file_id <> ?`;
  const shared = (await em.execute<{ id: string }[]>(others, [...ids, fileId])).map(({ id }) => id);
  if (shared.length > 0) {
    const drop = `delete from file_chunks where file_id = ? and chunk_id in (${placeholders(shared.length)})`;
    await em.execute(drop, [fileId, ...shared], "run");
  }
  const own = ids.filter((id) => !shared.includes(id));
  await mark(em, own);
  return markedChunks(em, own);
}

/** Marks an old chunk that no file refers to. @returns false when it is younger than `before`, in use or gone */
export async function markUnused(em: EntityManager, id: string, before: Date): Promise<boolean> {
  await lockChunks(em, [id]);
  const unused = `select id from chunks where id = ? and created_at < ?
    and not exists (select 1 from file_chunks entry where entry.chunk_id = chunks.id)`;
  const found = await em.execute<object[]>(unused, [id, before]);
  if (found.length > 0) await mark(em, [id]);
  return found.length > 0;
}

/** Removes all rows of marked chunks, whose blobs are gone; what isn't marked stays. */
export async function removeChunks(em: EntityManager, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await lockChunks(em, ids);
  const list = placeholders(ids.length);
  const marked = `select id from chunks where id in (${list}) and freeing_at is not null`;
  const gone = (await em.execute<{ id: string }[]>(marked, [...ids])).map(({ id }) => id);
  if (gone.length === 0) return;
  const those = placeholders(gone.length);
  await em.execute(`delete from file_chunks where chunk_id in (${those})`, gone, "run");
  await em.execute(`delete from chunk_replicas where chunk_id in (${those})`, gone, "run");
  await em.execute(`delete from chunks where id in (${those})`, gone, "run");
}

async function mark(em: EntityManager, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  const statement = `update chunks set freeing_at = ? where freeing_at is null and id in (${placeholders(ids.length)})`;
  await em.execute(statement, [new Date(), ...ids], "run");
}

/** Read under the lock: whoever was about to add a copy has done so, or never will. */
async function markedChunks(em: EntityManager, ids: readonly string[]): Promise<MarkedChunk[]> {
  if (ids.length === 0) return [];
  const statement = `select chunk_id as id, node from chunk_replicas where chunk_id in (${placeholders(ids.length)})`;
  const rows = await em.execute<{ id: string; node: string }[]>(statement, [...ids]);
  return ids.map((id) => ({ id, nodes: rows.flatMap((row) => (row.id === id ? row.node : [])) }));
}
