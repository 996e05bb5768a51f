import { v7 as uuidv7 } from "uuid";
import type { User } from "../accounts/user.ts";
import type { Database } from "../database.ts";
import { NotFoundError, StowageError } from "../errors.ts";
import { Chunk, ChunkReplica } from "../files/chunk.ts";
import { parseDigest } from "../files/digest.ts";
import { StoredFile } from "../files/file.ts";
import { isId } from "../files/id.ts";
import { FileChunk } from "../files/manifest.ts";
import type { StorageNode } from "../storage/storage-node.ts";
import { chunkBytes } from "./chunk-plan.ts";
import { type ReceivedChunk, receiveChunk, wrongSize } from "./chunk-receiver.ts";
import { lockUpload, refuseClosed } from "./upload-service.ts";

export interface SentChunk {
  /** Zero-based. */
  index: number;
  /** Opens the bytes, in batches of buffers; called at most once, and not at all where they aren't needed. */
  batches: () => Promise<AsyncIterable<Buffer[]>> | AsyncIterable<Buffer[]>;
  /** Hex, when the client names it. */
  sha256?: string | null | undefined;
  /** Bytes, when they are known before the body is read. */
  size?: number | undefined;
}

interface StoredChunk extends ReceivedChunk {
  id: string;
  offset: number;
  size: number;
  nodes: readonly string[];
}

/** Takes in the chunks of uploads: bytes first, then one short transaction. */
export class ChunkService {
  readonly #database: Database;
  readonly #storage: StorageNode;
  readonly #expiryMs: number;

  /** @param expiryMs how long an upload stays open after its last chunk */
  constructor(database: Database, storage: StorageNode, expiryMs: number) {
    this.#database = database;
    this.#storage = storage;
    this.#expiryMs = expiryMs;
  }

  /**
   * Stores one chunk. When it resolves, the bytes would survive a power cut. The same bytes again change nothing.
   * @throws StowageError NOT_FOUND, BAD_USER_INPUT, UPLOAD_CLOSED, CHUNK_SIZE_MISMATCH, CHUNK_DIGEST_MISMATCH,
   *   CHUNK_CONFLICT, INSUFFICIENT_STORAGE, SERVICE_UNAVAILABLE: the upload stays as it was
   */
  async store(user: User, uploadId: string, sent: SentChunk): Promise<StoredFile> {
    const claimed = parseDigest("sha256", sent.sha256);
    const upload = await this.#find(user, uploadId);
    refuseClosed(upload);
    const { start, end } = chunkBytes(upload, sent.index);
    const size = end - start;
    if (sent.size !== undefined && sent.size !== size) throw wrongSize(size, sent.size);

    const present = await this.#digestAt(upload, start);
    if (present !== null) {
      if (claimed?.equals(present)) return upload;
      const { sha256 } = await receiveChunk(await sent.batches(), size, null);
      checkClaim(claimed, sha256);
      refuseOther(present, sha256, sent.index);
      return upload;
    }

    const id = uuidv7();
    const writer = await this.#storage.create(id, size);
    let chunk: StoredChunk;
    try {
      const received = await receiveChunk(await sent.batches(), size, writer);
      checkClaim(claimed, received.sha256);
      const nodes = await writer.commit();
      chunk = { ...received, id, offset: start, size, nodes };
    } catch (error) {
      await writer.abort();
      throw error;
    }

    try {
      const { upload: stored, added } = await this.#record(user, uploadId, sent.index, chunk);
      if (!added) await writer.abort();
      return stored;
    } catch (error) {
      // Refused by us, the transaction was rolled back. Otherwise it may have been committed although we did not hear
      // of it: then the row needs the blob, and if there is no row, the blob is an orphan for the sweeper.
      if (error instanceof StowageError && error.code !== "SERVICE_UNAVAILABLE") await writer.abort();
      throw error;
    }
  }

  async #find(user: User, id: string): Promise<StoredFile> {
    const upload = isId(id) ? await this.#database.read((em) => em.findOne(StoredFile, { id, owner: user.id })) : null;
    if (upload === null) throw new NotFoundError("upload");
    return upload;
  }

  async #digestAt(upload: StoredFile, offset: number): Promise<Uint8Array | null> {
    if (upload.receivedChunks === 0) return null;
    const entry = await this.#database.read((em) =>
      em.findOne(FileChunk, { file: upload.id, offset }, { populate: ["chunk"] }),
    );
    return entry === null ? null : (entry.chunk as Chunk).sha256;
  }

  #record(user: User, uploadId: string, index: number, chunk: StoredChunk) {
    return this.#database.transaction(async (em) => {
      const upload = await lockUpload(em, user, uploadId);
      refuseClosed(upload);
      const present = await em.findOne(FileChunk, { file: uploadId, offset: chunk.offset }, { populate: ["chunk"] });
      if (present !== null) {
        refuseOther((present.chunk as Chunk).sha256, chunk.sha256, index);
        return { upload, added: false };
      }
      const { id, size, sha256, checksums, nodes, offset } = chunk;
      const createdAt = new Date();
      await em.insert(Chunk, { id, size, sha256, blockChecksums: checksums, createdAt });
      await em.insertMany(
        ChunkReplica,
        nodes.map((node) => ({ chunk: id, node })),
      );
      await em.insert(FileChunk, { file: uploadId, offset, chunk: id });
      upload.receivedChunks += 1;
      upload.receivedBytes += size;
      upload.expiresAt = new Date(createdAt.getTime() + this.#expiryMs);
      return { upload, added: true };
    });
  }
}

function checkClaim(claimed: Buffer | null, actual: Buffer): void {
  if (claimed === null || claimed.equals(actual)) return;
  throw new StowageError("CHUNK_DIGEST_MISMATCH", "The bytes that arrived don't have the SHA-256 that was named.", {
    expected: claimed.toString("hex"),
    received: actual.toString("hex"),
  });
}

function refuseOther(present: Uint8Array, received: Buffer, index: number): void {
  if (received.equals(present)) return;
  throw new StowageError("CHUNK_CONFLICT", `Other bytes are stored as chunk ${index} already. They were kept.`, {
    index,
    stored: Buffer.from(present).toString("hex"),
    received: received.toString("hex"),
  });
}
