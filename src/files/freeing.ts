import pLimit from "p-limit";
import type { Database } from "../database/database.ts";
import { deleteInSteps } from "../database/delete-in-steps.ts";
import { giveUpReferences, removeChunks } from "../metadata/chunk-freeing.ts";
import { closedStatuses, FileRecord } from "../metadata/file-record.ts";
import { readManifest } from "../metadata/manifests.ts";
import type { StorageNode } from "../storage/storage-node.ts";
import { DownloadLinkRecord } from "./download-link-record.ts";

const FILES_PER_READ = 100;
const CHUNKS_PER_STEP = 100;
const REMOVALS_AT_ONCE = 4;
/** Files that are passed over at most until their next try; with more, the rest waits as well. */
const MOST_FAILED = 10_000;
const RETRY_MS = 10_000;
const REST_FACTOR = 9;
const LONGEST_REST_MS = 10 * 60_000;
/** How long the row of a closed upload or a deleted file answers requests that are repeated. */
const REMEMBERED_MS = 7 * 24 * 3600 * 1000;

/** What a pino logger offers. */
interface FreeingLogger {
  warn(facts: object, message: string): void;
}

/** Frees a closed file's chunks, some at a time; see chunk-freeing.ts for the order. */
async function freeFile(database: Database, storage: StorageNode, fileId: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    if (signal.aborted) return;
    const entries = await database.read((em) => readManifest(em, fileId, 0, CHUNKS_PER_STEP));
    if (entries.length === 0) break;
    const references = entries.map(({ offset, blob }) => ({ offset, chunkId: blob.id }));
    const marked = await database.transaction((em) => giveUpReferences(em, fileId, references));
    await pLimit(REMOVALS_AT_ONCE).map(marked, (chunk) => storage.remove(chunk));
    await database.transaction((em) =>
      removeChunks(
        em,
        marked.map(({ id }) => id),
      ),
    );
  }
  await database.transaction((em) =>
    em.nativeUpdate(FileRecord, { id: fileId, freedAt: null }, { freedAt: new Date() }),
  );
}

/** Frees what aborted and expired uploads and deleted files hold. Several instances may do it at once. */
export class Freer {
  readonly #database: Database;
  readonly #storage: StorageNode;
  readonly #log: FreeingLogger;
  /** Files that could not be freed lately. */
  readonly #failed = new Set<string>();
  #retryAt = 0;

  constructor(database: Database, storage: StorageNode, log: FreeingLogger) {
    this.#database = database;
    this.#storage = storage;
    this.#log = log;
  }

  /**
   * Frees all that can be freed. A file that can't, since a node is away, keeps no other waiting; it is tried again when that
   * costs a tenth of the time at most. Work cut short is carried on by the next call.
   */
  async run(signal: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    const isRetry = startedAt >= this.#retryAt;
    if (isRetry) this.#failed.clear();
    for await (const id of closedFiles(this.#database)) {
      if (signal.aborted || this.#failed.size >= MOST_FAILED) break;
      if (this.#failed.has(id)) continue;
      try {
        await freeFile(this.#database, this.#storage, id, signal);
      } catch (err) {
        this.#log.warn({ fileId: id, err }, "a file's bytes could not be freed yet");
        this.#failed.add(id);
      }
    }
    if (isRetry && this.#failed.size > 0) {
      const tookMs = performance.now() - startedAt;
      this.#retryAt = performance.now() + Math.min(LONGEST_REST_MS, Math.max(RETRY_MS, REST_FACTOR * tookMs));
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
  const idsOf = (rows: readonly { id: string }[]) => rows.map(({ id }) => id);
  const old = { expiresAt: { $lt: before } };
  await deleteInSteps(
    database,
    async (em, limit) => idsOf(await em.find(DownloadLinkRecord, old, { fields: ["id"], limit })),
    (em, ids) => em.nativeDelete(DownloadLinkRecord, { id: { $in: ids } }),
  );
  const freed = { status: { $in: closedStatuses }, freedAt: { $lt: before } };
  await deleteInSteps(
    database,
    async (em, limit) => idsOf(await em.find(FileRecord, freed, { fields: ["id"], limit })),
    (em, ids) => em.nativeDelete(FileRecord, { id: { $in: ids }, ...freed }),
  );
}
