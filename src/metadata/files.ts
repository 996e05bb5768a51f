import { LockMode } from "@mikro-orm/core";
import type { EntityManager } from "../database/database.ts";
import { isUuid } from "../runtime/uuid.ts";
import { FileRecord } from "./file-record.ts";

// Written by hand, because it runs for every chunk: through the unit of work it takes a good part of a chunk's CPU time.
const UPLOAD = "select * from files where id = ? and owner_id = ?";

/** The upload, when it is this user's. */
export async function findUpload(em: EntityManager, id: string, ownerId: string): Promise<FileRecord | null> {
  if (!isUuid(id)) return null;
  const [row] = await em.execute<object[]>(UPLOAD, [id, ownerId]);
  return row === undefined ? null : (em.map(FileRecord, row as never) as FileRecord);
}

/** The user's upload or file in whatever state, locked until the transaction ends; null when there is none. */
export async function lockFile(em: EntityManager, id: string, ownerId: string): Promise<FileRecord | null> {
  if (!isUuid(id)) return null;
  return em.findOne(FileRecord, { id, owner: ownerId }, { lockMode: LockMode.PESSIMISTIC_WRITE });
}
