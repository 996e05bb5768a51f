import { UniqueConstraintViolationException } from "@mikro-orm/core";
import type { QuotaService } from "../accounts/quota-service.ts";
import type { Database, EntityManager } from "../database/database.ts";
import { insertChunks, type KnownChunk } from "./chunks.ts";
import type { FileRecord } from "./file-record.ts";
import { insertRows } from "./insert-rows.ts";
import { insertReplicas } from "./replicas.ts";

/** A chunk whose bytes are on the nodes. */
export interface WrittenChunk extends KnownChunk {
  /** Byte of the file at which it begins. */
  offset: number;
}

const COUNT = `
  update files set received_chunks = received_chunks + 1, received_bytes = received_bytes + ?, expires_at = ?
  where id = ? and status = 'OPEN'`;
// `received_bytes` decides who of several writers at the same offset was first: the others change nothing.
const COUNT_AT_END = `
  update files set received_chunks = received_chunks + ?, received_bytes = received_bytes + ?, size = size + ?, expires_at = ?
  where id = ? and status = 'OPEN' and received_bytes = ? and size_known = ?`;
const COUNTERS = "select received_chunks as chunks, received_bytes as bytes from files where id = ?";

/** Adds the chunks' rows and the file's references to them. They are new, so nobody can be freeing them. */
async function insertAll(em: EntityManager, fileId: string, chunks: readonly WrittenChunk[], now: Date): Promise<void> {
  await insertChunks(em, chunks, now);
  await insertReplicas(em, chunks);
  const entries = chunks.map(({ offset, id }) => [fileId, offset, id]);
  await insertRows(em, "file_chunks (file_id, `offset`, chunk_id)", entries);
}

/**
 * Adds a chunk to an open upload's manifest and counters, in one short transaction; `upload` is brought up to date.
 * @param expiresAt the upload's new expiry
 * @returns "added"; "closed" when the upload is not open any more, or "present" when another chunk is at the offset:
 *   then nothing was changed
 */
export async function recordChunk(
  database: Database,
  upload: FileRecord,
  chunk: WrittenChunk,
  expiresAt: Date,
): Promise<"added" | "closed" | "present"> {
  const now = new Date();
  try {
    return await database.transaction(async (em) => {
      // First, because it locks the upload's row: what else happens to this upload waits.
      const params = [chunk.size, expiresAt, upload.id];
      const { affectedRows } = await em.execute<{ affectedRows: number }>(COUNT, params, "run");
      if (affectedRows === 0) return "closed";
      await insertAll(em, upload.id, [chunk], now);
      type Counters = { chunks: number; bytes: number | string };
      const [counters] = await em.execute<Counters[]>(COUNTERS, [upload.id]);
      upload.receivedChunks = Number(counters?.chunks);
      upload.receivedBytes = Number(counters?.bytes);
      upload.expiresAt = expiresAt;
      return "added";
    });
  } catch (error) {
    if (error instanceof UniqueConstraintViolationException) return "present";
    throw error;
  }
}

/**
 * Adds chunks to the end of a sequential upload, in one short transaction; `upload` is brought up to date. While the
 * upload's size isn't known, it grows, and its owner's quota is asked for each chunk.
 * @param chunks adjoining, in order, the first where the upload is thought to end
 * @param expiresAt the upload's new expiry
 * @returns false when the upload doesn't end there, or is not open any more: then nothing was changed
 * @throws ApiError QUOTA_EXCEEDED: nothing was changed
 */
export async function appendChunks(
  database: Database,
  quotas: QuotaService,
  upload: FileRecord,
  chunks: readonly WrittenChunk[],
  expiresAt: Date,
): Promise<boolean> {
  const offset = upload.receivedBytes;
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.size, 0);
  const growth = upload.sizeKnown ? 0 : bytes;
  const now = new Date();
  const appended = await database.transaction(async (em) => {
    // First, because it locks the upload's row: what else happens to this upload waits.
    const counted = [chunks.length, bytes, growth, expiresAt, upload.id, offset, Number(upload.sizeKnown)];
    const { affectedRows } = await em.execute<{ affectedRows: number }>(COUNT_AT_END, counted, "run");
    if (affectedRows === 0) return false;
    if (growth > 0) await quotas.reserve(em, upload.owner.id, growth);
    await insertAll(em, upload.id, chunks, now);
    return true;
  });
  if (!appended) return false;
  upload.receivedChunks += chunks.length;
  upload.receivedBytes += bytes;
  upload.size += growth;
  upload.expiresAt = expiresAt;
  return true;
}
