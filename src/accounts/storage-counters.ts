import { raw } from "@mikro-orm/core";
import type { EntityManager } from "../database/database.ts";
import { UserRecord } from "./user-record.ts";

/** Stands for a quota without end: no sum of sizes may be larger. */
export const UNLIMITED = Number.MAX_SAFE_INTEGER;

// What a user stores is counted on the user's row, by the transaction that changes the file's status and has locked the
// file for it: so a file counts once, whatever is repeated or crashes. File first, then user: in the other order two
// could wait for each other.

/**
 * Counts an upload that is begun, before its row is inserted: the insert's foreign key takes a shared lock on the user,
 * and two who then wanted to write there would wait for each other.
 * @param defaultQuota bytes, for a user without a quota of their own
 * @returns whether there was room; if not, nothing was changed
 */
export async function reserve(
  em: EntityManager,
  userId: string,
  bytes: number,
  defaultQuota: number,
): Promise<boolean> {
  const { affectedRows } = await em.execute<{ affectedRows: number }>(
    `update users set reserved_bytes = reserved_bytes + ?
     where id = ? and used_bytes + reserved_bytes + ? <= coalesce(quota_bytes, ?)`,
    [bytes, userId, bytes, defaultQuota],
    "run",
  );
  return affectedRows > 0;
}

/** Counts an upload that was aborted or has expired. */
export async function countClosed(em: EntityManager, userId: string, bytes: number): Promise<void> {
  await em.nativeUpdate(UserRecord, { id: userId }, { reservedBytes: raw("reserved_bytes - ?", [bytes]) });
}

/** Counts an upload that became a file. */
export async function countCompleted(em: EntityManager, userId: string, bytes: number): Promise<void> {
  await em.nativeUpdate(
    UserRecord,
    { id: userId },
    {
      fileCount: raw("file_count + 1"),
      reservedBytes: raw("reserved_bytes - ?", [bytes]),
      usedBytes: raw("used_bytes + ?", [bytes]),
    },
  );
}

/** Counts a file that was deleted. */
export async function countDeleted(em: EntityManager, userId: string, bytes: number): Promise<void> {
  await em.nativeUpdate(
    UserRecord,
    { id: userId },
    { fileCount: raw("file_count - 1"), usedBytes: raw("used_bytes - ?", [bytes]) },
  );
}
