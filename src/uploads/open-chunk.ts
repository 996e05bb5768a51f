import { createHash } from "node:crypto";
import { v7 as uuidv7 } from "uuid";
import type { StoredChunk } from "../metadata/recorded-chunks.ts";
import { BlockChecksums } from "../storage/block-checksums.ts";
import type { BlobWriter, StorageNode } from "../storage/storage-node.ts";

/** A chunk that is being written, and may end before it is full. */
export class OpenChunk {
  readonly id: string;
  readonly #writer: BlobWriter;
  readonly #most: number;
  readonly #hash = createHash("sha256");
  readonly #checksums = new BlockChecksums();
  #size = 0;

  private constructor(id: string, writer: BlobWriter, most: number) {
    this.id = id;
    this.#writer = writer;
    this.#most = most;
  }

  /** @param most bytes that it can take; @param owner the user's id */
  static async create(storage: StorageNode, most: number, owner: string): Promise<OpenChunk> {
    const id = uuidv7();
    return new OpenChunk(id, await storage.create(id, most, undefined, owner), most);
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
    const writing = this.#writer.write([bytes]);
    this.#hash.update(bytes);
    this.#checksums.update(bytes);
    await writing;
  }

  /** When it resolves, the bytes would survive a power cut; when it rejects, nothing is left of them. */
  async commit(offset: number): Promise<StoredChunk> {
    try {
      const { id, size } = this;
      const sha256 = this.#hash.digest();
      const nodes = await this.#writer.commit(size, sha256);
      return { id, offset, size, sha256, checksums: this.#checksums.digest(), nodes };
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
