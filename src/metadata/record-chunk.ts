import { UniqueConstraintViolationException } from "@mikro-orm/core";
import type { Database, EntityManager } from "../database/database.ts";
import { StoredFile } from "./file-record.ts";

/** A chunk whose bytes are on the nodes. */
export interface StoredChunk {
  id: string;
  /** Of its first byte in the file. */
  offset: number;
  /** Bytes. */
  size: number;
  sha256: Uint8Array;
  checksums: Uint8Array;
  nodes: readonly string[];
}

// By hand, because they run for every chunk: through the unit of work they take a good part of a chunk's CPU time.
const UPLOAD = "select * from files where id = ? and owner_id = ?";
const DIGEST = `
  select chunk.sha256 from file_chunks entry join chunks chunk on chunk.id = entry.chunk_id
  where entry.file_id = ? and entry.\`offset\` = ?`;
const COUNT = `
  update files set received_chunks = received_chunks + 1, received_bytes = received_bytes + ?, expires_at = ?
  where id = ? and status = 'OPEN' and expires_at > ?`;
const INSERT_CHUNK = "insert into chunks (id, size, sha256, block_checksums, created_at) values (?, ?, ?, ?, ?)";
const INSERT_REPLICA = "insert into chunk_replicas (chunk_id, node) values (?, ?)";
const INSERT_ENTRY = "insert into file_chunks (file_id, `offset`, chunk_id) values (?, ?, ?)";
const COUNTERS = "select received_chunks as chunks, received_bytes as bytes from files where id = ?";

/** The upload, when it is this user's. */
export async function findUpload(em: EntityManager, id: string, ownerId: string): Promise<StoredFile | null> {
  const [row] = await em.execute<object[]>(UPLOAD, [id, ownerId]);
  return row === undefined ? null : (em.map(StoredFile, row as never) as StoredFile);
}

/** The SHA-256 of the chunk at an offset; null when there is none yet. */
export async function digestAt(em: EntityManager, fileId: string, offset: number): Promise<Buffer | null> {
  const [row] = await em.execute<{ sha256: Uint8Array }[]>(DIGEST, [fileId, offset]);
  return row === undefined ? null : Buffer.from(row.sha256);
}

/**
 * Adds a chunk to an open upload's manifest and counters, in one short transaction; `upload` is brought up to date.
 * @param expiresAt the upload's new expiry
 * @returns "added"; "closed" when the upload is not open any more, or "present" when another chunk is at the offset:
 *   then nothing was changed
 */
export async function recordChunk(
  database: Database,
  upload: StoredFile,
  chunk: StoredChunk,
  expiresAt: Date,
): Promise<"added" | "closed" | "present"> {
  const { id, offset, size, sha256, checksums, nodes } = chunk;
  const now = new Date();
  try {
    return await database.transaction(async (em) => {
      // First, because it locks the upload's row: what else happens to this upload waits.
      const params = [size, expiresAt, upload.id, now];
      const { affectedRows } = await em.execute<{ affectedRows: number }>(COUNT, params, "run");
      if (affectedRows === 0) return "closed";
      await em.execute(INSERT_CHUNK, [id, size, sha256, checksums, now], "run");
      for (const node of nodes) await em.execute(INSERT_REPLICA, [id, node], "run");
      await em.execute(INSERT_ENTRY, [upload.id, offset, id], "run");
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
