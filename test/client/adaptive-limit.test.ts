import { expect, test } from "vitest";
import { AdaptiveLimit } from "../../src/client/adaptive-limit.ts";

/** Sends rounds over a line that gives `rateOf(limit)` bytes a millisecond. @returns the limit after each round */
function drive(rounds: number, rateOf: (limit: number) => number, max = 8, failAt = -1): number[] {
  let now = 0;
  const limit = new AdaptiveLimit(max, () => now);
  return Array.from({ length: rounds }, (_, round) => {
    if (round === failAt) limit.failed();
    const { value } = limit;
    for (let chunk = 0; chunk < value; chunk++) {
      now += 1000 / rateOf(value);
      limit.succeeded(1000);
    }
    return limit.value;
  });
}

test("AdaptiveLimit: it grows up to its bound while more at once brings more", () => {
  expect(drive(10, (limit) => limit).at(-1)).toBe(8);
  expect(drive(10, (limit) => limit, 5).at(-1)).toBe(5);
});

test("AdaptiveLimit: it stays about where the line is full", () => {
  const limits = drive(100, (limit) => Math.min(limit, 4));
  expect(Math.min(...limits.slice(5))).toBeGreaterThanOrEqual(4);
  expect(Math.max(...limits)).toBeLessThanOrEqual(6);
});

test("AdaptiveLimit: a failure halves it, and it grows again", () => {
  const limits = drive(20, (limit) => limit, 8, 10);
  expect(limits[9]).toBe(8);
  expect(limits[10]).toBe(5);
  expect(limits.at(-1)).toBe(8);
});

test("AdaptiveLimit: it is never below 1", () => {
  const limit = new AdaptiveLimit(8);
  for (let i = 0; i < 5; i++) limit.failed();
  expect(limit.value).toBe(1);
});
