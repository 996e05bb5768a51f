import { createCipheriv, createHash } from "node:crypto";
import { sha256 } from "./client.ts";

const BLOCK = 16;
const PIECE = 1024 * 1024;

/** A file that nothing holds: its bytes, AES-CTR over zeros, are computed from their position. */
export class PatternedFile {
  /** Bytes. */
  readonly size: number;
  readonly #key: Buffer;

  /** @param name files of other names have other bytes */
  constructor(size: number, name: string) {
    this.size = size;
    this.#key = createHash("sha256").update(name).digest().subarray(0, BLOCK);
  }

  /** The bytes from `start` up to `end`, or to the end of the file. */
  bytes(start: number, end: number): Buffer {
    const skipped = start % BLOCK;
    const counter = Buffer.alloc(BLOCK);
    counter.writeBigUInt64BE(BigInt((start - skipped) / BLOCK), BLOCK / 2);
    const zeros = Buffer.alloc(Math.min(end, this.size) - start + skipped);
    return createCipheriv("aes-128-ctr", this.#key, counter).update(zeros).subarray(skipped);
  }

  chunk(index: number, chunkSize: number): Buffer {
    return this.bytes(index * chunkSize, (index + 1) * chunkSize);
  }

  /** SHA-256 of a range, end exclusive. */
  sha256(start = 0, end = this.size): string {
    const hash = createHash("sha256");
    for (let at = start; at < end; at += PIECE) hash.update(this.bytes(at, Math.min(at + PIECE, end)));
    return hash.digest("hex");
  }

  /** `File.digest` as the contract defines it. */
  digest(chunkSize: number): string {
    const hash = createHash("sha256");
    for (let at = 0; at < this.size; at += chunkSize) {
      hash.update(Buffer.from(sha256(this.bytes(at, at + chunkSize)), "hex"));
    }
    return hash.digest("hex");
  }
}
