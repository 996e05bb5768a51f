import { countClosed } from "../accounts/storage-counters.ts";
import type { Database, EntityManager } from "../database.ts";
import { StoredFile } from "../files/file.ts";

const UPLOADS_PER_READ = 100;

/** Closes the upload, if it is open and its time is over; not if a chunk has put that off meanwhile. */
export async function expireUpload(
  em: EntityManager,
  { id, owner, size }: Pick<StoredFile, "id" | "owner" | "size">,
): Promise<void> {
  const due = { id, status: "OPEN", expiresAt: { $lte: new Date() } } as const;
  const closed = await em.nativeUpdate(StoredFile, due, { status: "EXPIRED", resumeKey: null });
  if (closed > 0) await countClosed(em, owner.id, size);
}

/** Closes the open uploads whose time is over, each in a transaction of its own. Several instances may do it at once. */
export async function expireUploads(database: Database, signal: AbortSignal): Promise<void> {
  for (;;) {
    const due = await database.read((em) =>
      em.find(
        StoredFile,
        { status: "OPEN", expiresAt: { $lte: new Date() } },
        { fields: ["owner", "size"], limit: UPLOADS_PER_READ },
      ),
    );
    for (const upload of due) {
      if (signal.aborted) return;
      await database.transaction((em) => expireUpload(em, upload));
    }
    if (due.length < UPLOADS_PER_READ) return;
  }
}
