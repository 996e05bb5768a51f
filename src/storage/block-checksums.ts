import { crc32 } from "@node-rs/crc32";
import { CorruptBlobError } from "./blob-errors.ts";
import { BLOCK_SIZE, type ByteRange, type StoredBlob } from "./storage-node.ts";

/** Gathers the CRC32 of each block from a blob's bytes as they pass, in buffers of any size. */
export class BlockChecksums {
  readonly #finished: number[] = [];
  #crc = 0;
  /** Bytes of the unfinished block. */
  #filled = 0;

  update(buffer: Uint8Array): void {
    for (let offset = 0; offset < buffer.length; ) {
      const part = buffer.subarray(offset, offset + BLOCK_SIZE - this.#filled);
      this.#crc = crc32(part, this.#crc);
      this.#filled += part.length;
      offset += part.length;
      if (this.#filled === BLOCK_SIZE) {
        this.#finished.push(this.#crc);
        this.#crc = 0;
        this.#filled = 0;
      }
    }
  }

  /** The checksums of all bytes so far, as `StoredBlob.checksums` has them. More bytes may follow. */
  digest(): Buffer {
    const all = this.#filled > 0 ? [...this.#finished, this.#crc] : this.#finished;
    const bytes = Buffer.alloc(all.length * 4);
    for (const [block, crc] of all.entries()) bytes.writeUInt32BE(crc, block * 4);
    return bytes;
  }
}

/** The whole blocks that a range touches: what must be read of a blob to verify the range. */
export function blocksAround(range: ByteRange, blobSize: number): ByteRange {
  return {
    start: range.start - (range.start % BLOCK_SIZE),
    end: Math.min(Math.ceil(range.end / BLOCK_SIZE) * BLOCK_SIZE, blobSize),
  };
}

/**
 * Turns raw bytes into verified ones, without copying: yields the range's bytes, each only after its whole block held,
 * and throws CorruptBlobError at the first block that doesn't.
 * @param source the raw bytes of `blocksAround(range, blob.size)`, in buffers of any size. Buffers that end within a
 *   block are held until the rest of it has come, so a source that reuses its memory has to yield whole blocks.
 */
export async function* verifyBlocks(
  source: AsyncIterable<Uint8Array>,
  blob: StoredBlob,
  range: ByteRange,
  node: string,
): AsyncGenerator<Uint8Array, void, void> {
  const expected = new DataView(blob.checksums.buffer, blob.checksums.byteOffset, blob.checksums.byteLength);
  const { start, end } = blocksAround(range, blob.size);
  let read = start;
  let yielded = start;
  let crc = 0;
  let held: Uint8Array[] = [];

  for await (const buffer of source) {
    let offset = 0;
    let verified = 0;
    let corrupt: CorruptBlobError | undefined;
    while (offset < buffer.length && corrupt === undefined) {
      if (read === end) {
        corrupt = new CorruptBlobError(blob.id, node, null, "more bytes came than it has");
        break;
      }
      const block = Math.floor(read / BLOCK_SIZE);
      const blockEnd = Math.min((block + 1) * BLOCK_SIZE, end);
      const part = buffer.subarray(offset, offset + blockEnd - read);
      crc = crc32(part, crc);
      offset += part.length;
      read += part.length;
      if (read < blockEnd) break;
      if (crc === expected.getUint32(block * 4)) verified = offset;
      else corrupt = new CorruptBlobError(blob.id, node, block, `the checksum of block ${block} doesn't hold`);
      crc = 0;
    }
    if (verified > 0) {
      held.push(buffer.subarray(0, verified));
      for (const piece of held) {
        const wanted = piece.subarray(Math.max(range.start - yielded, 0), Math.max(range.end - yielded, 0));
        yielded += piece.length;
        if (wanted.length > 0) yield wanted;
      }
      held = [];
    }
    if (corrupt !== undefined) throw corrupt;
    if (verified < buffer.length) held.push(buffer.subarray(verified));
  }
  if (read < end) {
    throw new CorruptBlobError(blob.id, node, Math.floor(read / BLOCK_SIZE), `it ended after ${read} bytes`);
  }
}
