import { createHash } from "node:crypto";
import { UniqueConstraintViolationException } from "@mikro-orm/core";
import { v7 as uuidv7 } from "uuid";
import { allow, type Principal } from "../access/principal.ts";
import type { QuotaService } from "../accounts/quota-service.ts";
import { countClosed, countCompleted } from "../accounts/storage-counters.ts";
import type { UserRecord } from "../accounts/user-record.ts";
import type { Database, EntityManager } from "../database/database.ts";
import { findPage, type Page, type PageRequest } from "../database/keyset-page.ts";
import { ApiError, BadUserInputError, NotFoundError, ServiceUnavailableError } from "../errors.ts";
import { parseDigest } from "../metadata/digest.ts";
import { FileRecord } from "../metadata/file-record.ts";
import { filenameKey } from "../metadata/filename.ts";
import { lockFile } from "../metadata/files.ts";
import { chunkDigests } from "../metadata/manifests.ts";
import { receivedRanges } from "../metadata/received-ranges.ts";
import { clockWatch } from "../runtime/clock-watch.ts";
import { isUuid } from "../runtime/uuid.ts";
import { chunksInAll, type IndexRange, missingChunks } from "./chunk-plan.ts";
import { CreationRecord } from "./creation-record.ts";
import { planUpload, type UploadLimits, type UploadPlan, type UploadRequest } from "./upload-request.ts";

export interface UploadPolicy extends UploadLimits {
  /** How long an upload stays open with nothing arriving. */
  expiryMs: number;
  /** How long a completed upload is found by its resume key. */
  resumeKeyExpiryMs: number;
  /** A user's complete files; no bound when left out. */
  maxFiles?: number;
  /** A user's open uploads; no bound when left out. */
  maxOpenUploads?: number;
}

/** @throws ApiError UPLOAD_CLOSED, or NOT_FOUND once its file was deleted */
export function refuseClosed(upload: FileRecord): void {
  if (upload.status === "DELETED") throw new NotFoundError("upload");
  if (upload.status === "COMPLETE" || upload.status === "OPEN") return;
  if (upload.status === "CONCATENATED") throw concatenated();
  const status = upload.status === "ABORTED" ? "ABORTED" : "EXPIRED";
  throw new ApiError("UPLOAD_CLOSED", `This upload was ${status.toLowerCase()}. Begin a new one.`, { status });
}

function concatenated(): ApiError {
  const message = "This upload was a part of a file, and is concatenated.";
  return new ApiError("UPLOAD_CLOSED", message, { status: "COMPLETED" });
}

/** The user's upload, locked until the transaction ends. @throws NotFoundError */
export async function lockUpload(em: EntityManager, user: UserRecord, id: string): Promise<FileRecord> {
  const upload = await lockFile(em, id, user.id);
  if (upload === null) throw new NotFoundError("upload");
  return upload;
}

/** An error for bytes that a sweep elsewhere may have taken for old while the clock was wrong. */
export function clockJumped(): ServiceUnavailableError {
  return new ServiceUnavailableError("The server's clock has jumped. Try again later.");
}

/** How often a begin is tried again that met others with the same resume key. */
const MAX_ATTEMPTS = 5;

/** Open uploads that are counted at most. */
const MOST_COUNTED = 1_000_000;

/** Recognises a complete upload: another name makes another file, a later renaming doesn't. */
function completedKeyOf(resumeKey: Uint8Array, filename: string): Buffer {
  return createHash("sha256").update(resumeKey).update(filename).digest();
}

/** What a protocol wants to have back; see `CreationRecord`. */
export type Creation = Pick<CreationRecord, "metadata" | "concat">;

/** An upload that is open and empty, not persisted yet. */
export function newUpload(em: EntityManager, user: UserRecord, plan: UploadPlan, expiryMs: number): FileRecord {
  const now = Date.now();
  return em.create(FileRecord, {
    ...plan,
    id: uuidv7({ msecs: now }),
    owner: user.id,
    filenameKey: filenameKey(plan.filename),
    status: "OPEN",
    receivedChunks: 0,
    receivedBytes: 0,
    digest: null,
    createdAt: new Date(now),
    completedAt: null,
    expiresAt: new Date(clockWatch.latest(now) + expiryMs),
    freedAt: null,
  });
}

/** The life of an upload but for its chunks' bytes; each method sees the caller's own uploads only. */
export class UploadService {
  readonly #database: Database;
  readonly #quotas: QuotaService;
  readonly #options: UploadPolicy;
  readonly #onFreeable: () => void;

  /** @param onFreeable called when an upload was closed whose chunks can be freed now */
  constructor(database: Database, quotas: QuotaService, options: UploadPolicy, onFreeable: () => void) {
    this.#database = database;
    this.#quotas = quotas;
    this.#options = options;
    this.#onFreeable = onFreeable;
  }

  /**
   * Opens an upload and reserves its whole size of the user's quota, or finds the open one with the same resume key.
   * @throws ApiError BAD_USER_INPUT, FILE_TOO_LARGE, QUOTA_EXCEEDED
   */
  async begin(principal: Principal, request: UploadRequest, creation?: Creation): Promise<FileRecord> {
    const user = allow(principal, "FILES_WRITE");
    const plan = planUpload(request, this.#options);
    const { skipCompleted } = request;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#database.transaction((em) => this.#begin(em, user, plan, { creation, skipCompleted }));
      } catch (error) {
        // Where somebody began with the same resume key meanwhile, theirs is found now, unless it was closed meanwhile.
        const exceeded = error instanceof ApiError && error.code === "QUOTA_EXCEEDED" && attempt === 1;
        const isRace = exceeded || error instanceof UniqueConstraintViolationException;
        if (plan.resumeKey === null || !isRace || attempt === MAX_ATTEMPTS) throw error;
      }
    }
  }

  async #begin(
    em: EntityManager,
    user: UserRecord,
    plan: UploadPlan,
    { creation, skipCompleted }: { creation?: Creation | undefined; skipCompleted?: boolean | null | undefined },
  ): Promise<FileRecord> {
    const { resumeKey, filename, contentType } = plan;
    const completed = skipCompleted && resumeKey && (await this.#findCompleted(em, user, plan, resumeKey));
    if (completed) return completed;
    const open = resumeKey && (await em.findOne(FileRecord, { owner: user.id, resumeKey }));
    if (open) {
      if (open.size === plan.size) {
        // What is asked now counts: the bytes are the same, whatever they are called.
        return em.assign(open, { filename, filenameKey: filenameKey(filename), contentType });
      }
      const message = `An open upload with this resumeKey is for a file of ${open.size} bytes, not ${plan.size}. Abort it, or use another key.`;
      throw new BadUserInputError("resumeKey", message);
    }
    await this.#refuseTooMany(em, user);
    await this.#quotas.reserve(em, user.id, plan.size);
    const upload = newUpload(em, user, plan, this.#options.expiryMs);
    await em.persist(upload).flush();
    if (creation !== undefined) await em.insert(CreationRecord, { file: upload.id, ...creation, finalId: "" });
    return upload;
  }

  /** Rows and links cost no bytes of a quota: their number has bounds of its own. @throws ApiError QUOTA_EXCEEDED */
  async #refuseTooMany(em: EntityManager, user: UserRecord): Promise<void> {
    const { maxFiles = Number.MAX_SAFE_INTEGER, maxOpenUploads = Number.MAX_SAFE_INTEGER } = this.#options;
    const open = `select count(*) from (select 1 from files where owner_id = ? and status = 'OPEN' limit ?) as some`;
    const [row] = await em.execute<{ files: number; open: number }[]>(
      `select file_count as files, (${open}) as open from users where id = ?`,
      [user.id, Math.min(maxOpenUploads, MOST_COUNTED), user.id],
    );
    const refuse = (limit: number, what: string) => {
      throw new ApiError("QUOTA_EXCEEDED", `You have ${limit} ${what}, as many as you may have.`, { limit });
    };
    if (Number(row?.files) >= maxFiles) refuse(maxFiles, "files");
    if (Number(row?.open) >= maxOpenUploads) refuse(maxOpenUploads, "open uploads");
  }

  /** The newest file that an upload with this key became, if it is as the plan says. */
  #findCompleted(em: EntityManager, user: UserRecord, plan: UploadPlan, resumeKey: Buffer): Promise<FileRecord | null> {
    const { filename, size } = plan;
    const completedKey = completedKeyOf(resumeKey, filename);
    const since = { $gt: new Date(Date.now() - this.#options.resumeKeyExpiryMs) };
    const where = { owner: user.id, completedKey, status: "COMPLETE" as const, size, completedAt: since };
    return em.findOne(FileRecord, where, { orderBy: { id: "desc" } });
  }

  /** Finds an upload; null when there is no such upload of the user's, or its file was deleted. */
  async find(principal: Principal, id: string): Promise<FileRecord | null> {
    const user = allow(principal, "FILES_WRITE", "FILES_READ");
    if (!isUuid(id)) return null;
    return this.#database.read((em) => em.findOne(FileRecord, { id, owner: user.id, status: { $ne: "DELETED" } }));
  }

  /** What was kept of the upload's creation for its protocol; null where there was nothing to keep. */
  async creation(upload: FileRecord): Promise<Creation | null> {
    return this.#database.read((em) => em.findOne(CreationRecord, { file: upload.id }));
  }

  async listOpen(principal: Principal, page: PageRequest): Promise<Page<FileRecord>> {
    const user = allow(principal, "FILES_WRITE", "FILES_READ");
    const where = () => ({ owner: user.id, status: "OPEN" as const });
    const order = { name: "UPLOADS", properties: [{ id: "desc" }], index: "files_by_id" } as const;
    return findPage(this.#database, FileRecord, where, order, page);
  }

  /** What is still to be sent; nothing once the upload is closed. */
  async missing(upload: FileRecord): Promise<IndexRange[]> {
    const total = chunksInAll(upload);
    if (upload.status !== "OPEN" || upload.receivedChunks === total) return [];
    if (upload.isSequential) return [{ first: upload.receivedChunks, last: total - 1 }];
    if (upload.receivedChunks === 0) return missingChunks(upload, []);
    return missingChunks(upload, await this.#database.read((em) => receivedRanges(em, upload)));
  }

  /**
   * Makes the file visible. Again on a completed upload: the same file.
   * @param digest hex; the file's digest by the client's own reckoning
   * @throws ApiError UPLOAD_INCOMPLETE with `missing`, DIGEST_MISMATCH, UPLOAD_CLOSED; the upload stays as it was
   */
  async complete(principal: Principal, id: string, digest: string | null | undefined): Promise<FileRecord> {
    const user = allow(principal, "FILES_WRITE");
    const claimed = parseDigest("digest", digest);
    const upload = await this.find(principal, id);
    if (upload === null) throw new NotFoundError("upload");
    refuseClosed(upload);
    if (upload.isPart) {
      throw new BadUserInputError("uploadId", "This upload is a part: it becomes a file when it is concatenated.");
    }
    const actual = upload.digest ?? (await this.#digest(upload));
    if (claimed !== null && !claimed.equals(actual)) {
      const facts = { expected: claimed.toString("hex"), actual: Buffer.from(actual).toString("hex") };
      throw new ApiError("DIGEST_MISMATCH", "The file's digest is not the one that was expected.", facts);
    }
    const completed = await this.#database.transaction(async (em) => {
      // All chunks are there and none is ever replaced: the digest holds unless the upload was closed meanwhile, or is
      // one without an end that went on.
      const file = await lockUpload(em, user, id);
      refuseClosed(file);
      if (file.status === "COMPLETE") return file;
      if (file.receivedBytes !== upload.receivedBytes) return null;
      file.status = "COMPLETE";
      file.sizeKnown = true;
      file.digest = Buffer.from(actual);
      file.completedAt = new Date();
      file.completedKey = file.resumeKey && completedKeyOf(file.resumeKey, file.filename);
      file.resumeKey = null;
      await countCompleted(em, user.id, file.size);
      return file;
    });
    return completed ?? this.complete(principal, id, digest);
  }

  async #digest(upload: FileRecord): Promise<Buffer> {
    const total = chunksInAll(upload);
    if (upload.receivedChunks < total) {
      const missing = await this.missing(upload);
      const count = total - upload.receivedChunks;
      throw new ApiError("UPLOAD_INCOMPLETE", `${count} of ${total} chunks are still to be sent.`, { missing });
    }
    const hash = createHash("sha256");
    for await (const digest of chunkDigests(this.#database, upload.id)) hash.update(digest);
    return hash.digest();
  }

  /** Closes an open upload; on one that is aborted or expired already, nothing. */
  async abort(principal: Principal, id: string): Promise<void> {
    const user = allow(principal, "FILES_WRITE");
    await this.#database.transaction(async (em) => {
      const upload = await lockUpload(em, user, id);
      if (upload.status === "DELETED") throw new NotFoundError("upload");
      if (upload.status === "COMPLETE") {
        const message = "This upload is complete: it is a file now, and deleteFile deletes it.";
        throw new ApiError("UPLOAD_CLOSED", message, { status: "COMPLETED" });
      }
      if (upload.status === "CONCATENATED") throw concatenated();
      if (upload.status !== "OPEN") return;
      upload.status = "ABORTED";
      upload.resumeKey = null;
      await countClosed(em, user.id, upload.size);
    });
    this.#onFreeable();
  }
}
