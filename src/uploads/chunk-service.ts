import { allow, type Principal } from "../access/principal.ts";
import type { UserRecord } from "../accounts/user-record.ts";
import type { Database } from "../database/database.ts";
import { ApiError, BadUserInputError, NotFoundError } from "../errors.ts";
import { parseDigest } from "../metadata/digest.ts";
import type { FileRecord } from "../metadata/file-record.ts";
import { findUpload } from "../metadata/files.ts";
import { digestAt } from "../metadata/manifests.ts";
import { recordChunk, type WrittenChunk } from "../metadata/record-chunks.ts";
import { clockWatch } from "../runtime/clock-watch.ts";
import type { StorageNode } from "../storage/storage-node.ts";
import { chunkBytes } from "./chunk-plan.ts";
import { ChunkDigest, OpenChunk, receiveWhole, wrongSize } from "./open-chunk.ts";
import { Turns } from "./turns.ts";
import { clockJumped, refuseClosed } from "./upload-service.ts";

export interface SentChunk {
  /** Zero-based. */
  index: number;
  /**
   * Opens the bytes; called at most once, and not at all where they aren't needed. Each buffer is used only until the
   * next one is asked for.
   */
  open: () => Promise<AsyncIterable<Uint8Array>> | AsyncIterable<Uint8Array>;
  /** Hex, when the client names it. */
  sha256?: string | null | undefined;
  /** Bytes, when they are known before the body is read. */
  size?: number | undefined;
}

/** Requests that may send one chunk at once: two, as a broken connection may still look open here. */
const MAX_AT_ONCE = 2;

/** Takes in the chunks of uploads: bytes first, then one short transaction. */
export class ChunkService {
  readonly #database: Database;
  readonly #storage: StorageNode;
  readonly #expiryMs: number;
  /** Turns of each chunk: a request waits for others that send the same one, so that its bytes don't lie on the nodes more often. */
  readonly #turns = new Turns(MAX_AT_ONCE);

  /** @param expiryMs how long an upload stays open after its last chunk */
  constructor(database: Database, storage: StorageNode, expiryMs: number) {
    this.#database = database;
    this.#storage = storage;
    this.#expiryMs = expiryMs;
  }

  /**
   * Stores one chunk. When it resolves, the bytes would survive a power cut. The same bytes again change nothing.
   * @throws ApiError NOT_FOUND, BAD_USER_INPUT, UPLOAD_CLOSED, CHUNK_SIZE_MISMATCH, CHUNK_DIGEST_MISMATCH,
   *   CHUNK_CONFLICT, INSUFFICIENT_STORAGE, SERVICE_UNAVAILABLE: the upload stays as it was
   */
  async store(principal: Principal, uploadId: string, sent: SentChunk): Promise<FileRecord> {
    const user = allow(principal, "FILES_WRITE");
    return this.#turns.run(`${user.id} ${uploadId} ${sent.index}`, () => this.#storeInTurn(user, uploadId, sent));
  }

  async #storeInTurn(user: UserRecord, uploadId: string, sent: SentChunk): Promise<FileRecord> {
    const claimed = parseDigest("sha256", sent.sha256);
    const upload = await this.#find(user, uploadId);
    refuseClosed(upload);
    if (upload.isSequential) {
      throw new BadUserInputError(
        "uploadId",
        "This upload takes its bytes one after another, by the protocol that began it, and not as numbered chunks.",
      );
    }
    const { start, end } = chunkBytes(upload, sent.index);
    const size = end - start;
    if (sent.size !== undefined && sent.size !== size) throw wrongSize(size, sent.size);

    const present = upload.receivedChunks === 0 ? null : await this.#digestAt(upload, start);
    if (present !== null) {
      if (!claimed?.equals(present)) {
        const chunk = new ChunkDigest(size);
        await receiveWhole(await sent.open(), chunk);
        const { sha256 } = chunk.end();
        checkClaim(claimed, sha256);
        refuseOther(present, sha256, sent.index);
      }
      // Anew: it may have come after the upload was looked up.
      return this.#find(user, uploadId);
    }

    const { jumps } = clockWatch;
    const chunk = await OpenChunk.create(this.#storage, size, user.id);
    let stored: WrittenChunk;
    try {
      await receiveWhole(await sent.open(), chunk);
      checkClaim(claimed, chunk.end().sha256);
      stored = await chunk.commit(start);
      // Its bytes may have been taken for old and unknown meanwhile.
      if (clockWatch.jumps !== jumps) throw clockJumped();
    } catch (error) {
      await chunk.abort();
      throw error;
    }
    // An error from here on says nothing of what was committed: the row may be there, and then it needs the blob. If it
    // is not, the blob is an orphan for the sweeper.
    const outcome = await recordChunk(this.#database, upload, stored, new Date(clockWatch.latest() + this.#expiryMs));
    if (outcome === "added") return upload;
    await chunk.abort();
    return this.#explain(user, uploadId, sent.index, stored);
  }

  /** Why a chunk was not added, when it isn't there already with the same bytes. */
  async #explain(user: UserRecord, uploadId: string, index: number, chunk: WrittenChunk): Promise<FileRecord> {
    const upload = await this.#find(user, uploadId);
    const present = await this.#digestAt(upload, chunk.offset);
    // A closed upload's chunks are being freed: that they are still there says nothing.
    refuseClosed(upload);
    if (present === null) throw new Error(`Chunk ${index} of upload ${uploadId} was refused for no reason.`);
    refuseOther(present, chunk.sha256, index);
    return upload;
  }

  async #find(user: UserRecord, id: string): Promise<FileRecord> {
    const upload = await this.#database.read((em) => findUpload(em, id, user.id));
    if (upload === null) throw new NotFoundError("upload");
    return upload;
  }

  #digestAt(upload: FileRecord, offset: number): Promise<Buffer | null> {
    return this.#database.read((em) => digestAt(em, upload.id, offset));
  }
}

function checkClaim(claimed: Buffer | null, actual: Buffer): void {
  if (claimed === null || claimed.equals(actual)) return;
  throw new ApiError("CHUNK_DIGEST_MISMATCH", "The bytes that arrived don't have the SHA-256 that was named.", {
    expected: claimed.toString("hex"),
    received: actual.toString("hex"),
  });
}

function refuseOther(present: Buffer, received: Uint8Array, index: number): void {
  if (present.equals(received)) return;
  throw new ApiError("CHUNK_CONFLICT", `Other bytes are stored as chunk ${index} already. They were kept.`, {
    index,
    stored: present.toString("hex"),
    received: Buffer.from(received).toString("hex"),
  });
}
