import { LockMode } from "@mikro-orm/core";
import type { Database, EntityManager } from "../database/database.ts";
import { ApiError, BadUserInputError, NotFoundError } from "../errors.ts";
import { reserve, UNLIMITED } from "./storage-counters.ts";
import { UserRecord } from "./user-record.ts";

/** Bytes, each. */
export interface StorageUsage {
  /** Bytes of complete files. */
  usedBytes: number;
  /** Bytes of open uploads, counted in their whole size. */
  reservedBytes: number;
  /** What the two may come to; null when nothing bounds them. */
  quotaBytes: number | null;
}

/** How much each user may store. */
export class QuotaService {
  readonly #database: Database;
  readonly #defaultQuota: number;

  /** @param defaultQuotaBytes for users without a quota of their own; null for no bound */
  constructor(database: Database, defaultQuotaBytes: number | null) {
    this.#database = database;
    this.#defaultQuota = defaultQuotaBytes ?? UNLIMITED;
  }

  /**
   * A quota below what the user stores already takes nothing away; nothing more comes in until there is room.
   * @param quota bytes, null for the server's default, or "none" for no bound
   * @throws NotFoundError, or BadUserInputError for `quota`
   */
  async setQuota(userId: string, quota: number | null | "none"): Promise<void> {
    const quotaBytes = quota === "none" ? UNLIMITED : quota;
    if (quotaBytes !== null && (!Number.isSafeInteger(quotaBytes) || quotaBytes < 0)) {
      throw new BadUserInputError("quota", "quota accepts a number of bytes from 0, or none.");
    }
    const found = await this.#database.transaction((em) => em.nativeUpdate(UserRecord, { id: userId }, { quotaBytes }));
    if (found === 0) throw new NotFoundError("user");
  }

  /** Reads what the user has stored and reserved. */
  async usage(userId: string): Promise<StorageUsage> {
    return this.#database.read((em) => this.#usage(em, userId));
  }

  /**
   * Reserves room for an upload, in the transaction that then inserts it.
   * @throws ApiError QUOTA_EXCEEDED with the usage and `requested`
   */
  async reserve(em: EntityManager, userId: string, bytes: number): Promise<void> {
    if (await reserve(em, userId, bytes, this.#defaultQuota)) return;
    // Locked, for the row as it was when it refused; a plain read may see it as it was when the transaction began.
    const usage = await this.#usage(em, userId, LockMode.PESSIMISTIC_WRITE);
    const left = Math.max(0, (usage.quotaBytes ?? UNLIMITED) - usage.usedBytes - usage.reservedBytes);
    const message = `This upload of ${bytes} bytes doesn't fit in your quota, of which ${left} bytes are left.`;
    throw new ApiError("QUOTA_EXCEEDED", message, { ...usage, requested: bytes });
  }

  async #usage(em: EntityManager, userId: string, lockMode = LockMode.NONE): Promise<StorageUsage> {
    const { usedBytes, reservedBytes, quotaBytes } = await em.findOneOrFail(UserRecord, userId, {
      fields: ["usedBytes", "reservedBytes", "quotaBytes"],
      lockMode,
    });
    const quota = quotaBytes ?? this.#defaultQuota;
    return { usedBytes, reservedBytes, quotaBytes: quota === UNLIMITED ? null : quota };
  }
}
