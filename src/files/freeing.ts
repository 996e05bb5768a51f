import pLimit from "p-limit";
import type { Database } from "../database/database.ts";
import { giveUpReferences, removeChunks } from "../metadata/chunk-freeing.ts";
import { closedStatuses, FileRecord } from "../metadata/file-record.ts";
import { readManifest } from "../metadata/manifests.ts";
import type { StorageNode } from "../storage/storage-node.ts";
import { DownloadLinkRecord } from "./download-link-record.ts";

const FILES_PER_READ = 100;
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
 * @param failed called for each file that could not be freed now; it keeps no other waiting
 */
export async function freeClosedFiles(
  database: Database,
  storage: StorageNode,
  failed: (fileId: string, error: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  for await (const id of closedFiles(database)) {
    if (signal.aborted) return;
    try {
      await freeFile(database, storage, id, signal);
    } catch (error) {
      failed(id, error);
    }
  }
}

/** The ids of the files that are to be freed, each once. By status, so that the index gives them in order. */
async function* closedFiles(database: Database): AsyncGenerator<string> {
  for (const status of closedStatuses) {
    for (let last = ""; ; ) {
      const where = { status, freedAt: null, id: { $gt: last } };
      const page = await database.read((em) =>
        em.find(FileRecord, where, { fields: ["id"], orderBy: { id: "asc" }, limit: FILES_PER_READ }),
      );
      for (const { id } of page) yield id;
      if (page.length < FILES_PER_READ) break;
      last = page.at(-1)?.id ?? last;
    }
  }
}

/** Forgets the closed files that were freed long ago, and the links that expired long ago. */
export async function forgetClosedFiles(database: Database): Promise<void> {
  const before = new Date(Date.now() - REMEMBERED_MS);
  await database.transaction(async (em) => {
    await em.nativeDelete(DownloadLinkRecord, { expiresAt: { $lt: before } });
    await em.nativeDelete(FileRecord, { status: { $in: closedStatuses }, freedAt: { $lt: before } });
  });
}
