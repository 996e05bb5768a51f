import { v7 as uuidv7 } from "uuid";
import { allow, type Principal } from "../access/principal.ts";
import { hashToken, newToken } from "../access/token.ts";
import type { Database } from "../database/database.ts";
import { ApiError, BadUserInputError, NotFoundError } from "../errors.ts";
import { FileRecord } from "../metadata/file-record.ts";
import { isUuid } from "../runtime/uuid.ts";
import { DownloadLinkRecord } from "./download-link-record.ts";

const MAX_EXPIRY_SECONDS = 365 * 24 * 3600;

export interface CreatedLink {
  link: DownloadLinkRecord;
  fileId: string;
  /** Shown this once. */
  secret: string;
}

export class DownloadLinkService {
  readonly #database: Database;
  readonly #maxLinks: number;

  /** @param maxLinks of each file, at a time */
  constructor(database: Database, maxLinks = Number.MAX_SAFE_INTEGER) {
    this.#database = database;
    this.#maxLinks = maxLinks;
  }

  /** @param expiresInSeconds 1 to 31,536,000, a year */
  async create(principal: Principal, fileId: string, expiresInSeconds: number): Promise<CreatedLink> {
    // A link gives the bytes to whoever has it.
    allow(principal, "FILES_READ");
    const user = allow(principal, "FILES_WRITE");
    if (!Number.isInteger(expiresInSeconds) || expiresInSeconds < 1 || expiresInSeconds > MAX_EXPIRY_SECONDS) {
      throw new BadUserInputError("expiresInSeconds", `expiresInSeconds accepts 1 to ${MAX_EXPIRY_SECONDS}.`);
    }
    const secret = newToken("");
    const link = await this.#database.transaction(async (em) => {
      const file = isUuid(fileId)
        ? await em.findOne(FileRecord, { id: fileId, owner: user.id, status: "COMPLETE" })
        : null;
      if (file === null) throw new NotFoundError("file");
      const createdAt = new Date();
      const live = await em.count(DownloadLinkRecord, { file: fileId, revoked: false, expiresAt: { $gt: createdAt } });
      if (live >= this.#maxLinks) {
        const message = `This file has ${this.#maxLinks} links, as many as it may have at a time. Revoke some.`;
        throw new ApiError("QUOTA_EXCEEDED", message, { limit: this.#maxLinks });
      }
      const expiresAt = new Date(createdAt.getTime() + expiresInSeconds * 1000);
      return em.create(
        DownloadLinkRecord,
        { id: uuidv7(), file, secretHash: hashToken(secret), createdAt, expiresAt, revoked: false },
        { persist: true },
      );
    });
    return { link, fileId, secret };
  }

  /** Revokes the link: when it resolves, the link opens nothing. Again on a revoked link, it does nothing. */
  async revoke(principal: Principal, id: string): Promise<void> {
    const user = allow(principal, "FILES_WRITE");
    await this.#database.transaction(async (em) => {
      const link = isUuid(id) ? await em.findOne(DownloadLinkRecord, { id, file: { owner: user.id } }) : null;
      if (link === null) throw new NotFoundError("download link");
      const now = new Date();
      if (link.expiresAt > now) link.expiresAt = now;
      link.revoked = true;
    });
  }

  /** Whether the secret opens this file at this moment. */
  async opens(secret: string, fileId: string): Promise<boolean> {
    const file = { id: fileId, owner: { disabledAt: null } };
    const where = { file, secretHash: hashToken(secret), expiresAt: { $gt: new Date() }, revoked: false };
    return (await this.#database.read((em) => em.count(DownloadLinkRecord, where))) > 0;
  }
}
