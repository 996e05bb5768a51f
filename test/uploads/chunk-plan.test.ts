import { describe, expect, test } from "vitest";
import { chunkBytes, MAX_CHUNK_SIZE, MAX_CHUNKS, missingChunks, totalChunks } from "../../src/uploads/chunk-plan.ts";

describe("totalChunks", () => {
  test.each([
    [0, 10, 0],
    [1, 10, 1],
    [9, 10, 1],
    [10, 10, 1],
    [11, 10, 2],
    [MAX_CHUNKS * MAX_CHUNK_SIZE, MAX_CHUNK_SIZE, MAX_CHUNKS],
  ])("%d bytes by %d are %d chunks", (size, chunkSize, total) => {
    expect(totalChunks({ size, chunkSize })).toBe(total);
  });
});

describe("chunkBytes", () => {
  test("cuts the file into its chunks, with no gap and no overlap", () => {
    for (let size = 0; size <= 41; size++) {
      const plan = { size, chunkSize: 10 };
      let end = 0;
      for (let index = 0; index < totalChunks(plan); index++) {
        const range = chunkBytes(plan, index);
        expect(range.start).toBe(end);
        expect(range.end).toBeGreaterThan(range.start);
        end = range.end;
      }
      expect(end).toBe(size);
    }
  });

  test("is exact at the end of the largest file", () => {
    const size = MAX_CHUNKS * MAX_CHUNK_SIZE;
    const range = chunkBytes({ size, chunkSize: MAX_CHUNK_SIZE }, MAX_CHUNKS - 1);
    expect(range).toEqual({ start: size - MAX_CHUNK_SIZE, end: size });
  });

  test.each([-1, 3, 4])("refuses the index %d of three chunks", (index) => {
    expect(() => chunkBytes({ size: 25, chunkSize: 10 }, index)).toThrow("this upload has chunks 0 to 2");
  });

  test("says that an empty file has none", () => {
    expect(() => chunkBytes({ size: 0, chunkSize: 10 }, 0)).toThrow("an empty file has no chunks");
  });
});

describe("missingChunks", () => {
  test("names exactly the chunks that are not there, for every subset", () => {
    for (const size of [0, 1, 69, 70]) {
      const plan = { size, chunkSize: 10 };
      const total = totalChunks(plan);
      for (let subset = 0; subset < 2 ** total; subset++) {
        const has = (index: number) => (subset & (1 << index)) !== 0;
        const received: { start: number; end: number }[] = [];
        const expected: number[] = [];
        for (let index = 0; index < total; index++) {
          const { start, end } = chunkBytes(plan, index);
          const last = received.at(-1);
          if (!has(index)) expected.push(index);
          else if (last?.end === start) last.end = end;
          else received.push({ start, end });
        }
        const ranges = missingChunks(plan, received);
        const named = ranges.flatMap(({ first, last }) =>
          Array.from({ length: last - first + 1 }, (_, i) => first + i),
        );
        expect(named).toEqual(expected);
        for (const [i, range] of ranges.entries()) expect(range.first).toBeGreaterThan((ranges[i - 1]?.last ?? -2) + 1);
      }
    }
  });
});
