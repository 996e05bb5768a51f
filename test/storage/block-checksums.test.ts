import { crc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import { CorruptBlobError } from "../../src/storage/blob-errors.ts";
import { BlockChecksums, blocksAround, verifyBlocks } from "../../src/storage/block-checksums.ts";
import { BLOCK_SIZE, type ByteRange } from "../../src/storage/storage-node.ts";
import { checksumsOf, MIB, makeBlob, type TestBlob } from "./blobs.ts";

async function* inSteps(bytes: Buffer, step: number) {
  for (let offset = 0; offset < bytes.length; offset += step) yield bytes.subarray(offset, offset + step);
}

/** Verifies the blob, whose bytes come from `stored`, in buffers of `step` bytes. */
async function verified(blob: TestBlob, stored: Buffer, step: number, range: ByteRange) {
  const { start, end } = blocksAround(range, blob.size);
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of verifyBlocks(inSteps(stored.subarray(start, end), step), blob, range, "node1")) {
      pieces.push(piece);
    }
  } catch (error) {
    return { bytes: Buffer.concat(pieces), error };
  }
  return { bytes: Buffer.concat(pieces), error: undefined };
}

const STEPS = [1000, 65_536, BLOCK_SIZE - 1, BLOCK_SIZE, BLOCK_SIZE + 1, MIB, 3 * MIB];

describe("BlockChecksums", () => {
  test.for([1, BLOCK_SIZE - 1, BLOCK_SIZE, BLOCK_SIZE + 1, MIB + 7])("has one CRC32 a block for %i bytes", (size) => {
    const { bytes } = makeBlob(size);
    const expected: number[] = [];
    for (let offset = 0; offset < size; offset += BLOCK_SIZE) {
      expected.push(crc32(bytes.subarray(offset, offset + BLOCK_SIZE)));
    }
    const digest = checksumsOf(bytes);
    const view = new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
    expect(expected.map((_, block) => view.getUint32(block * 4))).toEqual(expected);
    expect(digest.length).toBe(expected.length * 4);
  });

  test.for(STEPS)("doesn't depend on how the bytes come: %i at a time", (step) => {
    const { bytes, checksums } = makeBlob(MIB + 7);
    const pieces = new BlockChecksums();
    for (let offset = 0; offset < bytes.length; offset += step) pieces.update(bytes.subarray(offset, offset + step));
    expect(Buffer.compare(pieces.digest(), checksums)).toBe(0);
  });

  test("has none for no bytes", () => {
    expect(new BlockChecksums().digest().length).toBe(0);
  });
});

describe("verifyBlocks", () => {
  test.for(STEPS)("yields just the range, however the bytes come: %i at a time", async (step) => {
    const blob = makeBlob(2 * MIB + 7);
    const edges = [0, 1, BLOCK_SIZE - 1, BLOCK_SIZE, BLOCK_SIZE + 1, MIB + 5, 2 * MIB, 2 * MIB + 6, 2 * MIB + 7];
    for (const start of edges) {
      for (const end of edges.filter((edge) => edge > start)) {
        const { bytes, error } = await verified(blob, blob.bytes, step, { start, end });
        expect(error).toBeUndefined();
        expect(bytes.equals(blob.bytes.subarray(start, end)), `${start}-${end}`).toBe(true);
      }
    }
  });

  test.for(STEPS)("yields all before the bad block, then throws: %i at a time", async (step) => {
    const blob = makeBlob(2 * MIB + 7);
    const stored = Buffer.from(blob.bytes);
    stored.writeUInt8(stored.readUInt8(MIB + 5) ^ 1, MIB + 5);
    const { bytes, error } = await verified(blob, stored, step, { start: 3, end: blob.size });
    expect(error).toBeInstanceOf(CorruptBlobError);
    expect(error).toMatchObject({ blobId: blob.id, node: "node1", block: 4 });
    expect(bytes.equals(blob.bytes.subarray(3, MIB))).toBe(true);
  });

  test.for(STEPS)("throws when bytes are missing at the end: %i at a time", async (step) => {
    const blob = makeBlob(2 * MIB + 7);
    const { bytes, error } = await verified(blob, blob.bytes.subarray(0, MIB + 1), step, { start: 0, end: blob.size });
    expect(error).toMatchObject({ name: "CorruptBlobError", block: 4 });
    expect(bytes.equals(blob.bytes.subarray(0, MIB))).toBe(true);
  });

  test("throws when there are more bytes than the blob has", async () => {
    const blob = makeBlob(BLOCK_SIZE);
    const source = inSteps(Buffer.concat([blob.bytes, Buffer.alloc(1)]), MIB);
    const reading = verifyBlocks(source, blob, { start: 0, end: blob.size }, "node1");
    expect((await reading.next()).value).toHaveLength(BLOCK_SIZE);
    await expect(reading.next()).rejects.toBeInstanceOf(CorruptBlobError);
  });

  test("ends its source when the caller stops early", async () => {
    const blob = makeBlob(MIB);
    let ended = false;
    async function* source() {
      try {
        yield* inSteps(blob.bytes, BLOCK_SIZE);
      } finally {
        ended = true;
      }
    }
    for await (const _ of verifyBlocks(source(), blob, { start: 0, end: MIB }, "node1")) break;
    expect(ended).toBe(true);
  });
});
