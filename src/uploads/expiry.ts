import { countClosed } from "../accounts/storage-counters.ts";
import type { Database, EntityManager } from "../database/database.ts";
import { FileRecord } from "../metadata/file-record.ts";

const UPLOADS_PER_READ = 100;

/** Closes the upload, if it is open and its time is over; not if a chunk has put that off meanwhile. */
async function expireUpload(em: EntityManager, id: string): Promise<void> {
  const due = { id, status: "OPEN", expiresAt: { $lte: new Date() } } as const;
  const closed = await em.nativeUpdate(FileRecord, due, { status: "EXPIRED", resumeKey: null });
  if (closed === 0) return;
  // Only now that the row is ours: a size that wasn't known may have been declared until then.
  const [row] = await em.execute<{ owner: string; size: number | string }[]>(
    "select owner_id as owner, size from files where id = ?",
    [id],
  );
  if (row !== undefined) await countClosed(em, row.owner, Number(row.size));
}

/**
 * Closes the open uploads whose time is over, each in a transaction of its own. Several instances may do it at once.
 * @param failed called for each upload that could not be closed now; it keeps no other waiting
 */
export async function expireUploads(
  database: Database,
  failed: (id: string, error: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  const now = new Date();
  for (let last = { id: "", expiresAt: new Date(0) }; ; ) {
    const after = [{ expiresAt: { $gt: last.expiresAt } }, { expiresAt: last.expiresAt, id: { $gt: last.id } }];
    const due = await database.read((em) =>
      em.find(
        FileRecord,
        { status: "OPEN", expiresAt: { $lte: now }, $or: after },
        { fields: ["id", "expiresAt"], orderBy: { expiresAt: "asc", id: "asc" }, limit: UPLOADS_PER_READ },
      ),
    );
    for (const { id } of due) {
      if (signal.aborted) return;
      try {
        await database.transaction((em) => expireUpload(em, id));
      } catch (error) {
        failed(id, error);
      }
    }
    if (due.length < UPLOADS_PER_READ) return;
    last = due.at(-1) ?? last;
  }
}
