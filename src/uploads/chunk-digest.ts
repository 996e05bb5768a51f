import { createHash } from "node:crypto";
import { BlockChecksums } from "../storage/block-checksums.ts";

/** What a chunk's bytes are known by. */
export interface DigestedChunk {
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

  /** Nothing can be written after it. */
  end(): DigestedChunk {
    this.#end ??= { size: this.#size, sha256: this.#sha256.digest(), checksums: this.#checksums.digest() };
    return this.#end;
  }
}
