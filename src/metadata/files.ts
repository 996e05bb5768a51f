import { LockMode } from "@mikro-orm/core";
import type { EntityManager } from "../database/database.ts";
import { isUuid } from "../runtime/uuid.ts";
import { StoredFile } from "./file-record.ts";

// Written by hand, because it runs for every chunk: through the unit of work it takes a good part of a chunk's CPU time.
const UPLOAD = "select * from files where id = ? and owner_id = ?";

/** The upload, when it is this user's. */
export async function findUpload(em: EntityManager, id: string, ownerId: string): Promise<StoredFile | null> {
  const [row] = await em.execute<object[]>(UPLOAD, [id, ownerId]);
  return row === undefined ? null : (em.map(StoredFile, row as never) as StoredFile);
}

/** The user's upload or file in whatever state, locked until the transaction ends; null when there is none. */
export async function lockFile(em: EntityManager, id: string, ownerId: string): Promise<StoredFile | null> {
  if (!isUuid(id)) return null;
  return em.findOne(StoredFile, { id, owner: ownerId }, { lockMode: LockMode.PESSIMISTIC_WRITE });
}
