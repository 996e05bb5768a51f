import { describe, expect, test } from "vitest";
import { MAX_RANGES, parseRange } from "../../../src/http/downloads/byte-ranges.ts";

const ignored = { kind: "ignore" };
const unsatisfiable = { kind: "unsatisfiable" };
const ranges = (...pairs: [number, number][]) => ({
  kind: "ranges",
  ranges: pairs.map(([start, end]) => ({ start, end })),
});

describe("parseRange: one range of 10 bytes", () => {
  test.each([
    ["bytes=0-0", [0, 1]],
    ["bytes=0-9", [0, 10]],
    ["bytes=2-4", [2, 5]],
    ["bytes=9-9", [9, 10]],
    ["bytes=5-", [5, 10]],
    ["bytes=0-", [0, 10]],
    ["bytes=-5", [5, 10]],
    ["bytes=-10", [0, 10]],
    ["bytes=-11", [0, 10]],
    ["bytes=0-10", [0, 10]],
    ["bytes=8-99", [8, 10]],
    ["bytes=002-0004", [2, 5]],
    ["BYTES=2-4", [2, 5]],
    ["Bytes=2-4", [2, 5]],
    ["bytes=3-9007199254740993", [3, 10]],
    ["bytes=-99999999999999999999999999", [0, 10]],
    [`bytes=3-${"9".repeat(400)}`, [3, 10]],
    [`bytes=${"0".repeat(400)}3-4`, [3, 5]],
  ] as [string, [number, number]][])("%s", (header, range) => {
    expect(parseRange(header, 10)).toEqual(ranges(range));
  });
});

describe("parseRange: of 10 bytes, nothing to give", () => {
  test.each([
    "bytes=10-",
    "bytes=10-10",
    "bytes=10-20",
    "bytes=-0",
    "bytes=-000",
    "bytes=10-,11-12,-0",
    "bytes=9007199254740992-9007199254740993",
    `bytes=${"9".repeat(400)}-`,
  ])("%s", (header) => {
    expect(parseRange(header, 10)).toEqual(unsatisfiable);
  });
});

describe("parseRange: what breaks the grammar is ignored", () => {
  test.each([
    "",
    "bytes",
    "bytes=",
    "bytes=,",
    "bytes= , ,",
    "bytes=-",
    "bytes=--5",
    "bytes=5",
    "bytes=5-4",
    "bytes=0-1,5-4",
    "bytes=20-19",
    "bytes=9007199254740993-9007199254740992",
    `bytes=1${"0".repeat(400)}-${"9".repeat(400)}`,
    "bytes=a-b",
    "bytes=0x1-2",
    "bytes=1.0-2",
    "bytes=+1-2",
    "bytes=1e1-20",
    "bytes=0 -1",
    "bytes=0- 1",
    "bytes=0-1 2",
    "bytes=0-1;2-3",
    "bytes=0-1-2",
    "bytes= 0-1",
    "bytes =0-1",
    " bytes=0-1",
    "bytes:0-1",
    "bytes=0-1,bytes=2-3",
    "bytes=\u00a00-1",
    "bytes=0-1,\u00a02-3",
    "bytes=\u0661-\u0662",
    "items=0-1",
    "bytesx=0-1",
    "none",
  ])("%j", (header) => {
    expect(parseRange(header, 10)).toEqual(ignored);
  });
});

describe("parseRange: several ranges of 100 bytes", () => {
  test.each([
    ["bytes=0-0,-1", ranges([0, 1], [99, 100])],
    ["bytes=50-59,0-9", ranges([50, 60], [0, 10])],
    ["bytes=0-9,5-19", ranges([0, 20])],
    ["bytes=5-19,0-9", ranges([0, 20])],
    ["bytes=0-99,10-19", ranges([0, 100])],
    ["bytes=10-19,10-19", ranges([10, 20])],
    ["bytes=80-89,0-9,5-19", ranges([80, 90], [0, 20])],
    ["bytes=0-9,80-89,5-19", ranges([0, 20], [80, 90])],
    ["bytes=40-49,0-9,45-", ranges([40, 100], [0, 10])],
    ["bytes=0-9,20-29,5-24", ranges([0, 30])],
    ["bytes=20-29,50-,0-21", ranges([0, 30], [50, 100])],
    ["bytes=0-9,10-19", ranges([0, 10], [10, 20])],
    ["bytes=100-,0-0", ranges([0, 1])],
    ["bytes=-0,5-5", ranges([5, 6])],
    ["bytes=0-0,  1-1\t,\t3-3", ranges([0, 1], [1, 2], [3, 4])],
    ["bytes=,0-0,,  ,3-3,", ranges([0, 1], [3, 4])],
    ["bytes= ,0-0", ranges([0, 1])],
    ["bytes=0-0, ", ranges([0, 1])],
  ])("%s", (header, expected) => {
    expect(parseRange(header, 100)).toEqual(expected);
  });
});

test("parseRange: as many ranges as allowed are served, one more is refused", () => {
  const header = (count: number) => `bytes=${Array.from({ length: count }, (_, i) => `${2 * i}-${2 * i}`).join(",")}`;
  expect(parseRange(header(MAX_RANGES), 1000)).toMatchObject({ kind: "ranges", ranges: { length: 32 } });
  expect(parseRange(header(MAX_RANGES + 1), 1000)).toEqual(unsatisfiable);
  expect(parseRange(`${header(MAX_RANGES)}${",".repeat(100)}`, 1000)).toMatchObject({ kind: "ranges" });
  expect(parseRange(`bytes=${"0-,".repeat(MAX_RANGES + 1)}`, 1000)).toEqual(unsatisfiable);
});

test.each(["bytes=0-0", "bytes=0-", "bytes=-1", "bytes=-0"])(
  "parseRange: %s of an empty file is unsatisfiable",
  (h) => {
    expect(parseRange(h, 0)).toEqual(unsatisfiable);
  },
);

test("parseRange: an invalid header of an empty file is ignored", () => {
  expect(parseRange("bytes=x", 0)).toEqual(ignored);
});

test("parseRange: the largest size is handled to the byte", () => {
  const size = Number.MAX_SAFE_INTEGER;
  expect(parseRange("bytes=9007199254740990-", size)).toEqual(ranges([size - 1, size]));
  expect(parseRange("bytes=9007199254740990-9007199254740991", size)).toEqual(ranges([size - 1, size]));
  expect(parseRange("bytes=9007199254740991-", size)).toEqual(unsatisfiable);
  expect(parseRange("bytes=-9007199254740992", size)).toEqual(ranges([0, size]));
  expect(parseRange("bytes=-1", size)).toEqual(ranges([size - 1, size]));
});

test.each([
  ["spaces", `bytes=${" ".repeat(1_000_000)}x`],
  ["spaces after a range", `bytes=0-1${" ".repeat(1_000_000)}x`],
  ["commas", `bytes=${",".repeat(1_000_000)}x`],
  ["spaced commas", `bytes=${" ,".repeat(500_000)}x`],
  ["digits", `bytes=${"1".repeat(1_000_000)}x`],
  ["zeros", `bytes=${"0".repeat(1_000_000)}-${"0".repeat(1_000_000)}x`],
  ["a suffix of zeros", `bytes=-${"0".repeat(1_000_000)}`],
  ["ranges", `bytes=${"0-0,".repeat(250_000)}`],
])("parseRange: a megabyte of %s is answered", (_, header) => {
  // Quadratic work on a megabyte would run into the test's own time limit of a minute.
  expect(parseRange(header, 10).kind).toMatch(/ignore|unsatisfiable|ranges/);
});
