import { BadUserInputError } from "../errors.ts";
import type { FileRecord } from "../metadata/file-record.ts";
import type { ByteRange } from "../storage/storage-node.ts";

export interface ChunkPlan {
  /** Bytes of the whole file. */
  size: number;
  /** Bytes of each chunk but the last. */
  chunkSize: number;
}

/** Zero-based chunk indexes, both ends inclusive. */
export interface IndexRange {
  first: number;
  last: number;
}

/** How many chunks a file may have. */
export const MAX_CHUNKS = 1_000_000;
/** Bytes. */
export const MIN_CHUNK_SIZE = 64 * 1024;
/** Bytes. */
export const MAX_CHUNK_SIZE = 64 * 1024 * 1024;

export function totalChunks({ size, chunkSize }: ChunkPlan): number {
  return Math.ceil(size / chunkSize);
}

/** How many chunks an upload comes to, of any kind, if what is still to be sent comes in chunks as large as they may be. */
export function chunksInAll(
  upload: Pick<FileRecord, "isSequential" | "receivedChunks" | "receivedBytes"> & ChunkPlan,
): number {
  if (!upload.isSequential) return totalChunks(upload);
  return upload.receivedChunks + totalChunks({ size: upload.size - upload.receivedBytes, chunkSize: upload.chunkSize });
}

/** The bytes of the chunk with this zero-based index. */
export function chunkBytes(plan: ChunkPlan, index: number): ByteRange {
  const total = totalChunks(plan);
  if (index < 0 || index >= total) {
    const takes = total === 0 ? "an empty file has no chunks" : `this upload has chunks 0 to ${total - 1}`;
    throw new BadUserInputError("index", `There is no chunk ${index}: ${takes}.`);
  }
  const start = index * plan.chunkSize;
  return { start, end: Math.min(start + plan.chunkSize, plan.size) };
}

/**
 * What a plan still lacks.
 * @param received the byte ranges that are there, in order, adjoining ones merged
 */
export function missingChunks(plan: ChunkPlan, received: readonly ByteRange[]): IndexRange[] {
  const missing: IndexRange[] = [];
  const add = (start: number, end: number) => {
    if (start < end) {
      missing.push({ first: Math.floor(start / plan.chunkSize), last: Math.ceil(end / plan.chunkSize) - 1 });
    }
  };
  let position = 0;
  for (const { start, end } of received) {
    add(position, start);
    position = end;
  }
  add(position, plan.size);
  return missing;
}
