import type { QuotaService } from "../accounts/quota-service.ts";
import type { Database, EntityManager } from "../database/database.ts";
import type { StoredFile } from "./file-record.ts";
import type { StoredChunk } from "./record-chunk.ts";

const ROWS_PER_INSERT = 200;

// `received_bytes` decides who of several writers at the same offset was first: the others change nothing.
const COUNT = `
  update files set received_chunks = received_chunks + ?, received_bytes = received_bytes + ?, size = size + ?, expires_at = ?
  where id = ? and status = 'OPEN' and expires_at > ? and received_bytes = ? and size_known = ?`;

/**
 * Adds chunks to the end of a sequential upload, in one short transaction; `upload` is brought up to date. While the
 * upload's size isn't known, it grows, and its owner's quota is asked for each chunk.
 * @param chunks one behind the other, the first where the upload is thought to end
 * @param expiresAt the upload's new expiry
 * @returns false when the upload doesn't end there, or is not open any more: then nothing was changed
 * @throws StowageError QUOTA_EXCEEDED: nothing was changed
 */
export async function appendChunks(
  database: Database,
  quotas: QuotaService,
  upload: StoredFile,
  chunks: readonly StoredChunk[],
  expiresAt: Date,
): Promise<boolean> {
  const offset = upload.receivedBytes;
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.size, 0);
  const growth = upload.sizeKnown ? 0 : bytes;
  const now = new Date();
  const appended = await database.transaction(async (em) => {
    // First, because it locks the upload's row: what else happens to this upload waits.
    const counted = [chunks.length, bytes, growth, expiresAt, upload.id, now, offset, Number(upload.sizeKnown)];
    const { affectedRows } = await em.execute<{ affectedRows: number }>(COUNT, counted, "run");
    if (affectedRows === 0) return false;
    if (growth > 0) await quotas.reserve(em, upload.owner.id, growth);
    await insert(
      em,
      "chunks (id, size, sha256, block_checksums, created_at)",
      chunks.map(({ id, size, sha256, checksums }) => [id, size, sha256, checksums, now]),
    );
    await insert(
      em,
      "chunk_replicas (chunk_id, node)",
      chunks.flatMap(({ id, nodes }) => nodes.map((node) => [id, node])),
    );
    await insert(
      em,
      "file_chunks (file_id, `offset`, chunk_id)",
      chunks.map((chunk) => [upload.id, chunk.offset, chunk.id]),
    );
    return true;
  });
  if (!appended) return false;
  upload.receivedChunks += chunks.length;
  upload.receivedBytes += bytes;
  upload.size += growth;
  upload.expiresAt = expiresAt;
  return true;
}

async function insert(em: EntityManager, into: string, rows: readonly unknown[][]): Promise<void> {
  for (let start = 0; start < rows.length; start += ROWS_PER_INSERT) {
    const some = rows.slice(start, start + ROWS_PER_INSERT);
    const places = some.map((row) => `(${row.map(() => "?").join(", ")})`).join(", ");
    await em.execute(`insert into ${into} values ${places}`, some.flat(), "run");
  }
}
