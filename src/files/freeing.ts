import pLimit from "p-limit";
import type { Database } from "../database/database.ts";
import { giveUpReferences, removeChunks } from "../metadata/chunk-freeing.ts";
import { closedStatuses, FileRecord } from "../metadata/file-record.ts";
import { readManifest } from "../metadata/manifests.ts";
import type { StorageNode } from "../storage/storage-node.ts";
import { DownloadLinkRecord } from "./download-link-record.ts";

const FILES_PER_ROUND = 100;
const CHUNKS_PER_STEP = 100;
const REMOVALS_AT_ONCE = 4;
/** How long the row of a closed upload or a deleted file answers requests that are repeated. */
const REMEMBERED_MS = 7 * 24 * 3600 * 1000;

/** Frees a closed file's chunks, some at a time; see chunk-freeing.ts for the order. */
async function freeFile(database: Database, storage: StorageNode, fileId: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    if (signal.aborted) return;
    const entries = await database.read((em) => readManifest(em, fileId, 0, CHUNKS_PER_STEP));
    if (entries.length === 0) break;
    const references = entries.map(({ offset, blob }) => ({ offset, chunkId: blob.id }));
    const marked = new Set(await database.transaction((em) => giveUpReferences(em, fileId, references)));
    const blobs = entries.map(({ blob }) => blob).filter(({ id }) => marked.has(id));
    await pLimit(REMOVALS_AT_ONCE).map(blobs, (blob) => storage.remove(blob));
    await database.transaction((em) => removeChunks(em, [...marked]));
  }
  await database.transaction((em) =>
    em.nativeUpdate(FileRecord, { id: fileId, freedAt: null }, { freedAt: new Date() }),
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
    em.find(FileRecord, { status: { $in: closedStatuses }, freedAt: null }, { fields: ["id"], limit: FILES_PER_ROUND }),
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
    await em.nativeDelete(DownloadLinkRecord, { expiresAt: { $lt: before } });
    await em.nativeDelete(FileRecord, { status: { $in: closedStatuses }, freedAt: { $lt: before } });
  });
}
