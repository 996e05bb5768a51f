import { v7 as uuidv7 } from "uuid";
import type { RecordedChunk } from "../metadata/recorded-chunks.ts";
import type { BlobWriter, StorageNode } from "../storage/storage-node.ts";
import { ChunkDigest } from "./chunk-digest.ts";

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
