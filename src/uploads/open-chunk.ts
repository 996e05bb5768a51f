import { createHash } from "node:crypto";
import { v7 as uuidv7 } from "uuid";
import { ApiError } from "../errors.ts";
import type { RecordedChunk } from "../metadata/record-chunks.ts";
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

  /** @param bytes no more than there is room for; the caller may use their memory again when it resolves */
  async write(bytes: Uint8Array): Promise<void> {
    this.#size += bytes.length;
    this.#sha256.update(bytes);
    this.#checksums.update(bytes);
  }

  /**
   * Takes a whole chunk's bytes off the wire: exactly those that there is room for.
   * @param source its buffers need to last only until the next one is asked for
   * @throws ApiError CHUNK_SIZE_MISMATCH; what the source throws, and `write`
   */
  async receive(source: AsyncIterable<Uint8Array>): Promise<void> {
    const size = this.room;
    let received = 0;
    for await (const buffer of source) {
      received += buffer.length;
      // Too much: only counted from here on, for the answer.
      if (received <= size) await this.write(buffer);
    }
    if (received !== size) throw wrongSize(size, received);
  }

  /** Nothing can be written after it. */
  end(): DigestedChunk {
    this.#end ??= { size: this.#size, sha256: this.#sha256.digest(), checksums: this.#checksums.digest() };
    return this.#end;
  }
}

/** A chunk that is being written to the nodes, and may end before it is full. */
export class OpenChunk extends ChunkDigest {
  readonly #id: string;
  readonly #writer: BlobWriter;

  private constructor(id: string, writer: BlobWriter, most: number) {
    super(most);
    this.#id = id;
    this.#writer = writer;
  }

  /** @param most bytes that it can take; @param owner the user's id */
  static async create(storage: StorageNode, most: number, owner: string): Promise<OpenChunk> {
    const id = uuidv7();
    return new OpenChunk(id, await storage.create(id, most, undefined, owner), most);
  }

  override async write(bytes: Uint8Array): Promise<void> {
    const writing = this.#writer.write([bytes]);
    await super.write(bytes);
    await writing;
  }

  /**
   * When it resolves, the bytes would survive a power cut; when it rejects, nothing is left of them.
   * @param offset of the chunk's first byte in the file
   */
  async commit(offset: number): Promise<RecordedChunk> {
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

export function wrongSize(expected: number, received: number): ApiError {
  const message = `This chunk has ${expected} bytes by the upload's plan, not ${received}.`;
  return new ApiError("CHUNK_SIZE_MISMATCH", message, { expected, received });
}
