import { createHash } from "node:crypto";
import { v7 as uuidv7 } from "uuid";
import { ApiError } from "../errors.ts";
import type { WrittenChunk } from "../metadata/record-chunks.ts";
import { BlockChecksums } from "../storage/block-checksums.ts";
import type { BlobWriter, StorageNode } from "../storage/storage-node.ts";

/** What a chunk's bytes are known by. */
interface DigestedChunk {
  /** Bytes. */
  size: number;
  sha256: Buffer;
  /** CRC32 of each block, as `StoredBlob.checksums`. */
  checksums: Uint8Array;
}

/** Counts and hashes a chunk's bytes, once for all who need to know. */
export class ChunkDigest {
  readonly #most: number;
  readonly #sha256 = createHash("sha256");
  readonly #checksums = new BlockChecksums();
  #size = 0;
  #end: DigestedChunk | undefined;

  /** @param most bytes that it can take */
  constructor(most: number) {
    this.#most = most;
  }

  /** Bytes that it has. */
  get size(): number {
    return this.#size;
  }

  /** Bytes that it can still take. */
  get room(): number {
    return this.#most - this.#size;
  }

  /** @param bytes no more than there is room for */
  write(bytes: Uint8Array): void {
    this.#size += bytes.length;
    this.#sha256.update(bytes);
    this.#checksums.update(bytes);
  }

  /** Nothing can be written after it. */
  end(): DigestedChunk {
    this.#end ??= { size: this.#size, sha256: this.#sha256.digest(), checksums: this.#checksums.digest() };
    return this.#end;
  }
}

/** A chunk that is being written to the nodes, and may end before it is full. */
export class OpenChunk {
  readonly #id: string;
  readonly #writer: BlobWriter;
  readonly #digest: ChunkDigest;

  private constructor(id: string, writer: BlobWriter, most: number) {
    this.#id = id;
    this.#writer = writer;
    this.#digest = new ChunkDigest(most);
  }

  /** @param most bytes that it can take; @param owner the user's id */
  static async create(storage: StorageNode, most: number, owner: string): Promise<OpenChunk> {
    const id = uuidv7();
    return new OpenChunk(id, await storage.create(id, most, undefined, owner), most);
  }

  /** Bytes that it has. */
  get size(): number {
    return this.#digest.size;
  }

  /** Bytes that it can still take. */
  get room(): number {
    return this.#digest.room;
  }

  /** @param bytes no more than there is room for; the caller may use their memory again when it resolves */
  async write(bytes: Uint8Array): Promise<void> {
    const writing = this.#writer.write([bytes]);
    this.#digest.write(bytes);
    await writing;
  }

  /** Nothing can be written after it. */
  end(): DigestedChunk {
    return this.#digest.end();
  }

  /**
   * When it resolves, the bytes would survive a power cut; when it rejects, nothing is left of them.
   * @param offset of the chunk's first byte in the file
   */
  async commit(offset: number): Promise<WrittenChunk> {
    try {
      const end = this.end();
      const nodes = await this.#writer.commit(end);
      return { ...end, id: this.#id, offset, nodes };
    } catch (error) {
      await this.abort();
      throw error;
    }
  }

  /** Drops what was written, also when it was committed. May be called more than once; never rejects. */
  async abort(): Promise<void> {
    await this.#writer.abort();
  }
}

/**
 * Takes a whole chunk's bytes off the wire: exactly those that there is room for.
 * @param source its buffers need to last only until the next one is asked for
 * @throws ApiError CHUNK_SIZE_MISMATCH; what the source and `write` throw
 */
export async function receiveWhole(
  source: AsyncIterable<Uint8Array>,
  chunk: Pick<OpenChunk, "room"> & { write(bytes: Uint8Array): void | Promise<void> },
): Promise<void> {
  const size = chunk.room;
  let received = 0;
  for await (const buffer of source) {
    received += buffer.length;
    // Too much: only counted from here on, for the answer.
    if (received <= size) await chunk.write(buffer);
  }
  if (received !== size) throw wrongSize(size, received);
}

export function wrongSize(expected: number, received: number): ApiError {
  const message = `This chunk has ${expected} bytes by the upload's plan, not ${received}.`;
  return new ApiError("CHUNK_SIZE_MISMATCH", message, { expected, received });
}
