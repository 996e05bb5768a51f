import { createHash } from "node:crypto";
import type { KnownChunk } from "../metadata/chunks.ts";
import { CorruptBlobError, MissingBlobError } from "../storage/blob-errors.ts";
import { eachInTime } from "../storage/cluster/in-time.ts";
import type { ByteRange, PhysicalNode, StorageNode, StoredBlob } from "../storage/storage-node.ts";

/** UNREADABLE: the node failed, which says nothing of the bytes. */
export type CopyState = "GOOD" | "MISSING" | "CORRUPT" | "UNREADABLE";

/** Gives whole blobs out as they are read, and after the last byte throws where the SHA-256 of all of them is wrong. */
export class DigestChecked implements Pick<StorageNode, "read"> {
  readonly #node: PhysicalNode;
  readonly #sha256: Uint8Array;

  constructor(node: PhysicalNode, sha256: Uint8Array) {
    this.#node = node;
    this.#sha256 = sha256;
  }

  async *read(blob: StoredBlob, range: ByteRange, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
    const hash = createHash("sha256");
    for await (const buffer of this.#node.read(blob, range, signal)) {
      hash.update(buffer);
      yield buffer;
    }
    if (hash.digest().equals(this.#sha256)) return;
    throw new CorruptBlobError(blob.id, this.#node.name, null, "its SHA-256 doesn't hold");
  }
}

/**
 * Reads the whole copy: block checksums, size and SHA-256.
 * @param timeoutMs how long the node may take for the next buffer: one that stalls is UNREADABLE
 * @throws the signal's reason, and nothing else
 */
export async function verifyCopy(
  node: PhysicalNode,
  chunk: KnownChunk,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<CopyState> {
  try {
    const reading = new DigestChecked(node, chunk.sha256).read(chunk, { start: 0, end: chunk.size }, signal);
    for await (const _ of eachInTime(reading, timeoutMs));
    return "GOOD";
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof MissingBlobError) return "MISSING";
    // A sector that can't be read any more is as bad as a wrong one.
    if (error instanceof CorruptBlobError || (error as NodeJS.ErrnoException).code === "EIO") return "CORRUPT";
    return "UNREADABLE";
  }
}
