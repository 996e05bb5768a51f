import type { ByteRange } from "../../storage/storage-node.ts";

/** Ranges of one request at most: nobody needs more, and each costs a part. */
export const MAX_RANGES = 32;

/**
 * What a Range header asks of a representation: "ignore" means to send the whole of it, as if the header weren't there.
 * `ranges` is never empty, nor is one in it; they don't overlap.
 */
type RangeRequest = { kind: "ignore" } | { kind: "unsatisfiable" } | { kind: "ranges"; ranges: ByteRange[] };

/** A decimal number of any length, without leading zeros: beyond 2^53 a `number` no longer tells two apart. */
type Digits = string;
type RangeSpec = { first: Digits; last: Digits | undefined } | { suffix: Digits };

/**
 * Reads a Range header (RFC 9110, section 14) for a representation of `size` bytes, in time linear in its length.
 * Overlapping ranges become one, in the place of the first of them. Of an empty representation no range can be had.
 */
export function parseRange(header: string, size: number): RangeRequest {
  const specs = parseSpecs(header);
  if (specs === undefined) return { kind: "ignore" };
  if (specs.length > MAX_RANGES) return { kind: "unsatisfiable" };
  const ranges = coalesce(specs.map((spec) => resolve(spec, size)).filter((range) => range.start < range.end));
  return ranges.length === 0 ? { kind: "unsatisfiable" } : { kind: "ranges", ranges };
}

// Each part of these can be matched in one way only, so that no input makes them backtrack.
const BYTES_UNIT = /^bytes=(?![ \t]+[^ \t,])/i;
const EMPTY_ELEMENT = /^[ \t]*$/;
const RANGE_SPEC = /^[ \t]*(?:(\d+)-(\d*)|-(\d+))[ \t]*$/;

/** @returns undefined where the header is of another unit or breaks the grammar */
function parseSpecs(header: string): RangeSpec[] | undefined {
  const unit = BYTES_UNIT.exec(header);
  if (unit === null) return undefined;
  const specs: RangeSpec[] = [];
  for (const element of header.slice(unit[0].length).split(",")) {
    if (EMPTY_ELEMENT.test(element)) continue;
    const match = RANGE_SPEC.exec(element);
    if (match === null) return undefined;
    const [, first, last, suffix] = match;
    if (first === undefined) {
      specs.push({ suffix: digits(suffix ?? "") });
    } else {
      const spec = { first: digits(first), last: last ? digits(last) : undefined };
      if (spec.last !== undefined && isLess(spec.last, spec.first)) return undefined;
      specs.push(spec);
    }
  }
  return specs.length === 0 ? undefined : specs;
}

function digits(text: string): Digits {
  return text.replace(/^0+(?=\d)/, "");
}

function isLess(a: Digits, b: Digits): boolean {
  return a.length === b.length ? a < b : a.length < b.length;
}

/** Empty where the range can't be satisfied. Rounding beyond 2^53 is harmless here: every size is below. */
function resolve(spec: RangeSpec, size: number): ByteRange {
  if ("suffix" in spec) return { start: Math.max(0, size - Number(spec.suffix)), end: size };
  const end = spec.last === undefined ? size : Math.min(size, Number(spec.last) + 1);
  return { start: Number(spec.first), end };
}

function coalesce(ranges: readonly ByteRange[]): ByteRange[] {
  const merged: (ByteRange & { position: number })[] = [];
  const byStart = ranges.map((range, position) => ({ ...range, position })).sort((a, b) => a.start - b.start);
  for (const range of byStart) {
    const previous = merged.at(-1);
    if (previous !== undefined && range.start < previous.end) {
      previous.end = Math.max(previous.end, range.end);
      previous.position = Math.min(previous.position, range.position);
    } else {
      merged.push(range);
    }
  }
  return merged.sort((a, b) => a.position - b.position).map(({ start, end }) => ({ start, end }));
}
