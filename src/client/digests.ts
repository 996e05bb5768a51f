import { sha256 as plainSha256 } from "@noble/hashes/sha2.js";

/** Bytes of a SHA-256. */
const LENGTH = 32;

/** SHA-256; the platform computes it in a thread of its own, where it does at all. */
export async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  if (globalThis.crypto?.subtle === undefined) return plainSha256(bytes);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** The value of a Content-Digest header (RFC 9530). */
export function contentDigest(digest: Uint8Array): string {
  return `sha-256=:${toBase64(digest)}:`;
}

/** The digests of a file's chunks, gathered in any order: 32 bytes each, and a million of them at most. */
export class ChunkDigests {
  readonly #all: Uint8Array<ArrayBuffer>;
  readonly #known: Uint8Array;

  constructor(totalChunks: number) {
    this.#all = new Uint8Array(totalChunks * LENGTH);
    this.#known = new Uint8Array(totalChunks);
  }

  /** Undefined while it isn't known. */
  get(index: number): Uint8Array | undefined {
    return this.#known[index] ? this.#all.subarray(index * LENGTH, (index + 1) * LENGTH) : undefined;
  }

  /** @returns whether nothing else was known of this chunk before */
  set(index: number, digest: Uint8Array): boolean {
    const known = this.get(index);
    if (known !== undefined) return known.every((byte, i) => byte === digest[i]);
    this.#all.set(digest, index * LENGTH);
    this.#known[index] = 1;
    return true;
  }

  /** The lowest index from `from` on whose digest isn't known, or -1. */
  nextUnknown(from: number): number {
    return this.#known.indexOf(0, from);
  }

  /** `File.digest`, in hex. All chunks' digests have to be known. */
  async ofFile(): Promise<string> {
    return toHex(await sha256(this.#all));
  }
}
