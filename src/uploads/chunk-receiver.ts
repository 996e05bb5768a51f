import { createHash } from "node:crypto";
import { StowageError } from "../errors.ts";
import { BlockChecksums } from "../storage/block-checksums.ts";
import type { BlobWriter } from "../storage/storage-node.ts";

/** How much is gathered before it goes to the nodes: fewer, larger writes cost less. */
const WRITE_BATCH = 1024 * 1024;

export interface ReceivedChunk {
  sha256: Buffer;
  /** CRC32 of each block, as `StoredBlob.checksums`. */
  checksums: Uint8Array;
}

/**
 * Takes a chunk's bytes off the wire, hashing them on the way to the nodes. Without a writer they are only hashed.
 * While a batch is being written the next one is received, so memory stays at two batches.
 * @param size bytes that the chunk must have
 * @throws StowageError CHUNK_SIZE_MISMATCH; what the batches or the writer throw
 */
export async function receiveChunk(
  batches: AsyncIterable<Buffer[]>,
  size: number,
  writer: BlobWriter | null,
): Promise<ReceivedChunk> {
  const hash = createHash("sha256");
  const checksums = new BlockChecksums();
  let received = 0;
  let batch: Buffer[] = [];
  let batchBytes = 0;
  let writing: Promise<void> | undefined;

  const flush = async () => {
    await writing;
    writing = writer?.write(batch);
    // It is awaited before the next write; until then a rejection must not count as unhandled.
    writing?.catch(() => {});
    batch = [];
    batchBytes = 0;
  };

  try {
    for await (const buffers of batches) {
      for (const buffer of buffers) {
        received += buffer.length;
        // Too much: only counted from here on, for the answer.
        if (received > size) continue;
        hash.update(buffer);
        checksums.update(buffer);
        batch.push(buffer);
        batchBytes += buffer.length;
      }
      if (batchBytes >= WRITE_BATCH) await flush();
    }
    if (received !== size) {
      throw wrongSize(size, received);
    }
    if (batchBytes > 0) await flush();
  } finally {
    await writing?.catch(() => {});
  }
  await writing;
  return { sha256: hash.digest(), checksums: checksums.digest() };
}

export function wrongSize(expected: number, received: number): StowageError {
  const message = `This chunk has ${expected} bytes by the upload's plan, not ${received}.`;
  return new StowageError("CHUNK_SIZE_MISMATCH", message, { expected, received });
}
