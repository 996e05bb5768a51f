import type { EntityManager } from "../database/database.ts";
import { StoredFile } from "./file-record.ts";

// By hand, because it runs for every chunk: through the unit of work it takes a good part of a chunk's CPU time.
const UPLOAD = "select * from files where id = ? and owner_id = ?";

/** The upload, when it is this user's. */
export async function findUpload(em: EntityManager, id: string, ownerId: string): Promise<StoredFile | null> {
  const [row] = await em.execute<object[]>(UPLOAD, [id, ownerId]);
  return row === undefined ? null : (em.map(StoredFile, row as never) as StoredFile);
}
