import type { FileHandle } from "node:fs/promises";
import { BLOCK_SIZE, type ByteRange } from "./storage-node.ts";

/** Bytes of one read: whole blocks, few enough system calls, and little to hold for each download. */
export const PIECE_SIZE = 2 * BLOCK_SIZE;

/** Keeps piece-sized buffers between reads: a fresh one costs a page fault for every 4 KiB. */
export class BufferPool {
  readonly #free: Buffer[] = [];
  readonly #most: number;

  /** @param most buffers that it keeps while nobody uses them */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#free.length;
  }

  take(bytes: number): Buffer {
    return (bytes === PIECE_SIZE ? this.#free.pop() : undefined) ?? Buffer.allocUnsafeSlow(bytes);
  }

  give(buffers: readonly Buffer[]): void {
    for (const buffer of buffers) {
      if (buffer.length === PIECE_SIZE && this.#free.length < this.#most) this.#free.push(buffer);
    }
  }
}

/**
 * Yields the file's bytes in pieces that begin and end at the ends of blocks, reading one piece ahead. A piece is
 * overwritten when the one after the next is asked for. Closing the file is the caller's, and waits for the read ahead.
 * @param range whole blocks
 */
export async function* readPieces(
  file: Pick<FileHandle, "read">,
  range: ByteRange,
  pool: BufferPool,
  signal?: AbortSignal,
): AsyncGenerator<Buffer, void, void> {
  const size = Math.min(range.end - range.start, PIECE_SIZE);
  const buffers = [pool.take(size)];
  if (range.end - range.start > size) buffers.push(pool.take(size));
  let turn = 0;
  const fetch = (position: number): Promise<Buffer> => {
    const buffer = buffers[turn++ % buffers.length] as Buffer;
    const piece = readWholeBlocks(file, buffer.subarray(0, range.end - position), position);
    // An early end leaves it unawaited.
    piece.catch(() => {});
    return piece;
  };

  let position = range.start;
  let ahead = fetch(position);
  while (position < range.end) {
    const piece = await ahead;
    signal?.throwIfAborted();
    position += piece.length;
    if (position < range.end) ahead = fetch(position);
    yield piece;
  }
  // Only here: whoever stops early may still be busy with the last piece, or the disk with the next.
  pool.give(buffers);
}

/** Fills the buffer. When a part can't be read: the whole blocks before that, if there are any, or its error. */
async function readWholeBlocks(file: Pick<FileHandle, "read">, buffer: Buffer, position: number): Promise<Buffer> {
  let filled = 0;
  try {
    while (filled < buffer.length) {
      const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, position + filled);
      if (bytesRead === 0) throw new Error(`The file ended after ${position + filled} bytes`);
      filled += bytesRead;
    }
    return buffer;
  } catch (error) {
    const whole = filled - (filled % BLOCK_SIZE);
    if (whole === 0) throw error;
    return buffer.subarray(0, whole);
  }
}
