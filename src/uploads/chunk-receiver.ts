import { createHash } from "node:crypto";
import { StowageError } from "../errors.ts";
import { BlockChecksums } from "../storage/block-checksums.ts";
import type { BlobWriter } from "../storage/storage-node.ts";

export interface ReceivedChunk {
  sha256: Buffer;
  /** CRC32 of each block, as `StoredBlob.checksums`. */
  checksums: Uint8Array;
}

/**
 * Takes a chunk's bytes off the wire, hashing them while they go to the nodes. Without a writer they are only hashed.
 * @param source its buffers need to last only until the next one is asked for
 * @param size bytes that the chunk must have
 * @throws StowageError CHUNK_SIZE_MISMATCH; what the source or the writer throws
 */
export async function receiveChunk(
  source: AsyncIterable<Uint8Array>,
  size: number,
  writer: BlobWriter | null,
): Promise<ReceivedChunk> {
  const hash = createHash("sha256");
  const checksums = new BlockChecksums();
  let received = 0;
  for await (const buffer of source) {
    received += buffer.length;
    // Too much: only counted from here on, for the answer.
    if (received > size) continue;
    const writing = writer?.write([buffer]);
    hash.update(buffer);
    checksums.update(buffer);
    await writing;
  }
  if (received !== size) throw wrongSize(size, received);
  return { sha256: hash.digest(), checksums: checksums.digest() };
}

export function wrongSize(expected: number, received: number): StowageError {
  const message = `This chunk has ${expected} bytes by the upload's plan, not ${received}.`;
  return new StowageError("CHUNK_SIZE_MISMATCH", message, { expected, received });
}
