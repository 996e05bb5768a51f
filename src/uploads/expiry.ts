import type { Database } from "../database.ts";
import { StoredFile } from "../files/file.ts";

/** Closes the open uploads whose time is over. A chunk that is being recorded at this moment keeps its upload open. */
export async function expireUploads(database: Database): Promise<void> {
  await database.transaction((em) =>
    em.nativeUpdate(
      StoredFile,
      { status: "OPEN", expiresAt: { $lte: new Date() } },
      { status: "EXPIRED", resumeKey: null },
    ),
  );
}
