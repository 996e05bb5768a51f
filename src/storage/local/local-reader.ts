import type { FileHandle } from "node:fs/promises";
import { SLAB_SIZE, type SlabPool } from "../../streams/slab-pool.ts";
import type { ByteRange } from "../storage-node.ts";

/**
 * Yields the file's bytes slab by slab, reading one ahead. A slab is overwritten when the one after the next is asked
 * for. Closing the file is the caller's, and waits for the read ahead.
 * @param range whole blocks
 */
export async function* readPieces(
  file: Pick<FileHandle, "read">,
  range: ByteRange,
  pool: SlabPool,
  signal?: AbortSignal,
): AsyncGenerator<Buffer, void, void> {
  const slabs = [pool.take()];
  if (range.end - range.start > SLAB_SIZE) slabs.push(pool.take());
  let turn = 0;
  const fetch = (position: number): Promise<Buffer> => {
    const slab = slabs[turn++ % slabs.length] as Buffer;
    const piece = readFully(file, slab.subarray(0, range.end - position), position);
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
  pool.give(slabs);
}

async function readFully(file: Pick<FileHandle, "read">, buffer: Buffer, position: number): Promise<Buffer> {
  for (let filled = 0; filled < buffer.length; ) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, position + filled);
    if (bytesRead === 0) throw new Error(`The file ended after ${position + filled} bytes`);
    filled += bytesRead;
  }
  return buffer;
}
