import { setTimeout as sleep } from "node:timers/promises";
import { allow, type Principal } from "../access/principal.ts";
import type { QuotaService } from "../accounts/quota-service.ts";
import type { UserRecord } from "../accounts/user-record.ts";
import type { Database } from "../database/database.ts";
import { ApiError, BadUserInputError, NotFoundError } from "../errors.ts";
import type { FileRecord } from "../metadata/file-record.ts";
import { findUpload } from "../metadata/files.ts";
import { appendChunks, type WrittenChunk } from "../metadata/record-chunks.ts";
import { clockWatch } from "../runtime/clock-watch.ts";
import type { StorageNode } from "../storage/storage-node.ts";
import { type ChecksumClaim, checked } from "./body-checksum.ts";
import { cutChunks, tooMuch } from "./chunk-cutter.ts";
import { MAX_CHUNKS } from "./chunk-plan.ts";
import type { OpenChunk } from "./open-chunk.ts";
import { Turns } from "./turns.ts";
import { UnreservedBytes } from "./unreserved-bytes.ts";
import { checkSize } from "./upload-request.ts";
import { clockJumped, lockUpload, refuseClosed, type UploadPolicy, type UploadService } from "./upload-service.ts";

/** Blobs without a row are orphans to the sweeper, which takes them after a day: a checked body has this long. */
const CHECKED_WITHIN_MS = 6 * 3600_000;

/** Checked bodies of one upload that may be taken in at once: a connection that broke may still look open here. */
const CHECKED_AT_ONCE = 2;

/** Hears of chunks whose rows come long after their bytes were stored. */
type OnLateRows = (chunks: readonly WrittenChunk[]) => void;

/** Pieces that an upload may have of any size, and what the others have to have on the average, in bytes. */
const FREE_PIECES = 10_000;
const PIECE_BYTES = 64 * 1024;

/** How long somebody who asks for an offset waits for what is on its way. */
const SETTLING_MS = 2_000;

interface Appended {
  /** Byte at which the client thinks that the upload ends. */
  offset: number;
  /** Bytes of the whole upload, when the client declares them now. */
  size?: number | undefined;
  /** Bytes that are to come, when they are known before. */
  length?: number | undefined;
  /** Each buffer is used only until the next one is asked for. */
  bytes: AsyncIterable<Uint8Array>;
  /** Checksum of all these bytes together: unless it holds, none of them counts. */
  checksum?: ChecksumClaim | undefined;
  /** Whether the upload is complete after these bytes. Left out: when it has all bytes of its size. */
  isLast?: boolean | undefined;
  /** Called with the upload's new end when more of them would survive a power cut; not where they are checked. */
  onKept?: ((end: number) => void) | undefined;
}

/** Takes in the bytes of sequential uploads: in order, in pieces of any size. */
export class AppendService {
  readonly #database: Database;
  readonly #storage: StorageNode;
  readonly #quotas: QuotaService;
  readonly #uploads: UploadService;
  readonly #options: UploadPolicy;
  readonly #onLateRows: OnLateRows;
  readonly #unreserved: UnreservedBytes;
  /** Turns of checked bodies by upload: all of one lies on the nodes before it counts. */
  readonly #checked = new Turns(CHECKED_AT_ONCE);
  /** What this process is taking in, by upload. Only a courtesy: what counts is in the database. */
  readonly #underWay = new Map<string, Set<Promise<unknown>>>();

  constructor(
    database: Database,
    storage: StorageNode,
    quotas: QuotaService,
    uploads: UploadService,
    options: UploadPolicy,
    onLateRows: OnLateRows = () => {},
  ) {
    this.#database = database;
    this.#storage = storage;
    this.#quotas = quotas;
    this.#unreserved = new UnreservedBytes(quotas);
    this.#uploads = uploads;
    this.#options = options;
    this.#onLateRows = onLateRows;
  }

  /**
   * The user's upload, of the kinds that this takes bytes of, open or complete.
   * @throws ApiError NOT_FOUND; UPLOAD_CLOSED
   */
  async find(principal: Principal, id: string): Promise<FileRecord> {
    const upload = await this.#find(allow(principal, "FILES_WRITE"), id);
    refuseClosed(upload);
    return upload;
  }

  async #find(user: UserRecord, id: string): Promise<FileRecord> {
    const upload = await this.#database.read((em) => findUpload(em, id, user.id));
    if (upload === null || !upload.isSequential) throw new NotFoundError("upload");
    return upload;
  }

  /**
   * Finds it as `find` does, but first lets requests end that still bring bytes of this upload: whoever goes on after a broken
   * connection often asks before all has been taken in that had come by it, and would send that again.
   * @param orConcatenated finds a part also when it has become another file's
   */
  async findSettled(principal: Principal, id: string, { orConcatenated = false } = {}): Promise<FileRecord> {
    const user = allow(principal, "FILES_WRITE", "FILES_READ");
    let found = await this.#find(user, id);
    const underWay = this.#underWay.get(found.id);
    if (underWay !== undefined) {
      await settledWithin(underWay, SETTLING_MS);
      found = await this.#find(user, id);
    }
    if (!orConcatenated || found.status !== "CONCATENATED") refuseClosed(found);
    return found;
  }

  /**
   * Adds bytes to the end of an upload. They are kept chunk by chunk as they come: when this rejects because the client
   * left, all that had come is kept. The last byte of an upload completes it, unless `isLast` says otherwise.
   * @param found as `find` gave it
   * @throws ApiError NOT_FOUND, UPLOAD_CLOSED, OFFSET_MISMATCH, FILE_TOO_LARGE, BAD_USER_INPUT for `size`,
   *   QUOTA_EXCEEDED, CHUNK_DIGEST_MISMATCH, INSUFFICIENT_STORAGE, SERVICE_UNAVAILABLE, and with `isLast` UPLOAD_INCOMPLETE
   */
  async append(principal: Principal, found: FileRecord, appended: Appended): Promise<FileRecord> {
    const user = allow(principal, "FILES_WRITE");
    refuseClosed(found);
    if (found.receivedBytes !== appended.offset) throw offsetMismatch(found, appended.offset);
    const upload = appended.size === undefined ? found : await this.#declareSize(user, found, appended.size);
    const limit = (upload.sizeKnown ? upload.size : this.#options.maxFileSize) - upload.receivedBytes;
    if (appended.length !== undefined && appended.length > limit) throw tooMuch(limit);

    const { checksum } = appended;
    const take = (most: number) =>
      checksum === undefined
        ? this.#appendAsTheyCome(upload, appended, most)
        : this.#checked.run(upload.id, () => this.#appendChecked(upload, appended, checksum, most));
    // A checked body is on the nodes as a whole before any of it counts.
    const expected =
      checksum === undefined ? Math.min(upload.chunkSize, appended.length ?? limit) : (appended.length ?? limit);
    await this.#announce(
      upload.id,
      upload.sizeKnown ? take(limit) : this.#unreserved.hold(user.id, limit, expected, take),
    );
    if (appended.isLast === undefined) return this.completeIfWhole(principal, upload);
    return appended.isLast ? this.#uploads.complete(principal, upload.id, null) : upload;
  }

  async #announce(id: string, work: Promise<void>): Promise<void> {
    const underWay = this.#underWay.get(id) ?? new Set();
    this.#underWay.set(id, underWay.add(work));
    try {
      await work;
    } finally {
      underWay.delete(work);
      if (underWay.size === 0) this.#underWay.delete(id);
    }
  }

  /** Completes an upload of which all bytes are there: the process may have died before it could. */
  async completeIfWhole(principal: Principal, upload: FileRecord): Promise<FileRecord> {
    const isWhole = upload.sizeKnown && upload.receivedBytes === upload.size;
    const mayComplete = principal.scopes.has("FILES_WRITE");
    if (upload.isPart || !isWhole || upload.status !== "OPEN" || !mayComplete) return upload;
    return this.#uploads.complete(principal, upload.id, null);
  }

  /** While a chunk is being synced and its row committed, the next one is received. */
  async #appendAsTheyCome(upload: FileRecord, { bytes, length, onKept }: Appended, limit: number): Promise<void> {
    let keeping = Promise.resolve();
    try {
      for await (const chunk of this.#cut(upload, bytes, length, limit)) {
        try {
          await keeping;
        } catch (error) {
          await chunk.abort();
          throw error;
        }
        keeping = this.#keep(upload, chunk).then(() => onKept?.(upload.receivedBytes));
        // It is awaited at the next chunk or the end; until then a rejection must not count as unhandled.
        keeping.catch(() => {});
      }
    } finally {
      // Also when the client left, so that whoever asks next finds what had come.
      await keeping;
    }
  }

  /** The chunks become the upload's all at once, when the last byte has come and the checksum holds. */
  async #appendChecked(upload: FileRecord, appended: Appended, claim: ChecksumClaim, limit: number): Promise<void> {
    const written: OpenChunk[] = [];
    const stored: WrittenChunk[] = [];
    const deadline = performance.now() + CHECKED_WITHIN_MS;
    const { jumps } = clockWatch;
    let end = upload.receivedBytes;
    try {
      for await (const chunk of this.#cut(upload, checked(appended.bytes, claim), appended.length, limit)) {
        written.push(chunk);
        refuseTooMany(upload, written.length, end + chunk.size);
        if (performance.now() > deadline) {
          throw new BadUserInputError("checksum", "A request with a checksum takes six hours at most.");
        }
        stored.push(await chunk.commit(end));
        end += chunk.size;
      }
      if (clockWatch.jumps !== jumps) throw clockJumped();
    } catch (error) {
      await Promise.all(written.map((chunk) => chunk.abort()));
      throw error;
    }
    if (stored.length === 0) return;
    await this.#record(upload, stored, written);
    this.#onLateRows(stored);
  }

  #cut(upload: FileRecord, bytes: AsyncIterable<Uint8Array>, length: number | undefined, limit: number) {
    const { chunkSize, owner } = upload;
    return cutChunks(bytes, { storage: this.#storage, owner: owner.id, chunkSize, limit, expected: length ?? 0 });
  }

  async #keep(upload: FileRecord, chunk: OpenChunk): Promise<void> {
    let stored: WrittenChunk;
    try {
      refuseTooMany(upload, 1, upload.receivedBytes + chunk.size);
      stored = await chunk.commit(upload.receivedBytes);
    } catch (error) {
      await chunk.abort();
      throw error;
    }
    await this.#record(upload, [stored], [chunk]);
  }

  async #record(upload: FileRecord, stored: readonly WrittenChunk[], written: readonly OpenChunk[]): Promise<void> {
    const drop = () => Promise.all(written.map((chunk) => chunk.abort()));
    const expiresAt = new Date(clockWatch.latest() + this.#options.expiryMs);
    let isAppended: boolean;
    try {
      isAppended = await appendChunks(this.#database, this.#quotas, upload, stored, expiresAt);
    } catch (error) {
      // Any other error says nothing of what was committed: the rows may be there, and then they need the blobs.
      if (error instanceof ApiError && error.code === "QUOTA_EXCEEDED") await drop();
      throw error;
    }
    if (isAppended) return;
    await drop();
    const current = await this.#database.read((em) => findUpload(em, upload.id, upload.owner.id));
    if (current === null) throw new NotFoundError("upload");
    refuseClosed(current);
    throw offsetMismatch(current, upload.receivedBytes);
  }

  async #declareSize(user: UserRecord, { id, receivedBytes }: FileRecord, size: number): Promise<FileRecord> {
    checkSize(size, this.#options);
    return this.#database.transaction(async (em) => {
      const upload = await lockUpload(em, user, id);
      refuseClosed(upload);
      if (upload.receivedBytes !== receivedBytes) throw offsetMismatch(upload, receivedBytes);
      if (upload.sizeKnown && upload.size !== size) {
        throw new BadUserInputError("size", `This upload's size is ${upload.size}, and can't be changed to ${size}.`);
      }
      if (upload.sizeKnown) return upload;
      if (size < upload.receivedBytes) {
        throw new BadUserInputError("size", `${upload.receivedBytes} bytes have come already, more than ${size}.`);
      }
      await this.#quotas.reserve(em, user.id, size - upload.size);
      upload.size = size;
      upload.sizeKnown = true;
      return upload;
    });
  }
}

async function settledWithin(work: Iterable<Promise<unknown>>, ms: number): Promise<void> {
  const patience = new AbortController();
  await Promise.race([Promise.allSettled(work), sleep(ms, undefined, { signal: patience.signal })]);
  patience.abort();
}

function offsetMismatch(upload: FileRecord, offset: number): ApiError {
  const message = `This upload has ${upload.receivedBytes} bytes, not ${offset}. Ask for its offset and go on from there.`;
  return new ApiError("OFFSET_MISMATCH", message, { expected: upload.receivedBytes, received: offset });
}

/** Each piece costs the nodes more than its bytes: many small ones are let pass only as far as broken lines make them. */
function refuseTooMany({ receivedChunks }: FileRecord, more: number, bytes: number): void {
  const pieces = receivedChunks + more;
  if (pieces > FREE_PIECES + bytes / PIECE_BYTES) {
    const message = `The pieces of this upload are too small: beyond ${FREE_PIECES}, they take ${PIECE_BYTES} bytes each on the average.`;
    throw new BadUserInputError("chunks", message);
  }
  if (pieces <= MAX_CHUNKS) return;
  throw new BadUserInputError(
    "chunks",
    `An upload is kept in ${MAX_CHUNKS} pieces at most: send more in each request.`,
  );
}
