import pLimit from "p-limit";
import type { Database } from "../database/database.ts";
import type { StorageNode } from "../storage/storage-node.ts";
import { Chunk, ChunkReplica } from "../metadata/chunk-record.ts";
import { DownloadLink } from "./download-link-record.ts";
import { closedStatuses, StoredFile } from "../metadata/file-record.ts";
import { FileChunk } from "../metadata/manifest-record.ts";
import { type ManifestEntry, readManifest } from "../metadata/manifests.ts";

const FILES_PER_ROUND = 100;
const CHUNKS_PER_STEP = 100;
const REMOVALS_AT_ONCE = 4;
/** How long the row of a closed upload or a deleted file answers requests that are repeated. */
const REMEMBERED_MS = 7 * 24 * 3600 * 1000;

/** The file's chunks that no other file refers to. */
async function ownChunks(database: Database, fileId: string, entries: ManifestEntry[]): Promise<ManifestEntry[]> {
  const ids = entries.map((entry) => entry.blob.id);
  const shared = await database.read((em) =>
    em.find(FileChunk, { chunk: { $in: ids }, file: { $ne: fileId } }, { fields: ["chunk"] }),
  );
  const sharedIds = new Set(shared.map((entry) => entry.chunk.id));
  return entries.filter((entry) => !sharedIds.has(entry.blob.id));
}

/**
 * Blobs go before their rows: after a crash in between the rows are still there to finish the work by, and nobody can
 * ask for a closed file's bytes.
 */
async function freeFile(database: Database, storage: StorageNode, fileId: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    if (signal.aborted) return;
    const entries = await database.read((em) => readManifest(em, fileId, 0, CHUNKS_PER_STEP));
    if (entries.length === 0) break;
    const own = await ownChunks(database, fileId, entries);
    const limit = pLimit(REMOVALS_AT_ONCE);
    await limit.map(own, ({ blob }) => storage.remove(blob));
    await database.transaction(async (em) => {
      const chunk = { $in: own.map((entry) => entry.blob.id) };
      await em.nativeDelete(FileChunk, { file: fileId, offset: { $in: entries.map((entry) => entry.offset) } });
      await em.nativeDelete(ChunkReplica, { chunk });
      await em.nativeDelete(Chunk, { id: chunk });
    });
  }
  await database.transaction((em) =>
    em.nativeUpdate(StoredFile, { id: fileId, freedAt: null }, { freedAt: new Date() }),
  );
}

/**
 * Frees what aborted and expired uploads and deleted files hold. Work cut short is carried on by the next call, and
 * several instances may do it at once.
 * @param failed told of a file that could not be freed now
 * @returns whether there may be more to free
 */
export async function freeClosedFiles(
  database: Database,
  storage: StorageNode,
  failed: (fileId: string, error: unknown) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const closed = await database.read((em) =>
    em.find(StoredFile, { status: { $in: closedStatuses }, freedAt: null }, { fields: ["id"], limit: FILES_PER_ROUND }),
  );
  let freed = 0;
  for (const { id } of closed) {
    try {
      await freeFile(database, storage, id, signal);
      freed++;
    } catch (error) {
      failed(id, error);
    }
  }
  return freed === FILES_PER_ROUND;
}

/** Forgets the closed files that were freed long ago, and the links that expired long ago. */
export async function forgetClosedFiles(database: Database): Promise<void> {
  const before = new Date(Date.now() - REMEMBERED_MS);
  await database.transaction(async (em) => {
    await em.nativeDelete(DownloadLink, { expiresAt: { $lt: before } });
    await em.nativeDelete(StoredFile, { status: { $in: closedStatuses }, freedAt: { $lt: before } });
  });
}
