import { expect, test } from "vitest";
import { ProgressMeter } from "../../src/client/progress.ts";

test("ProgressMeter: rate and time left come from what moved in the last seconds", () => {
  let now = 0;
  const meter = new ProgressMeter(10_000, () => now);
  expect(meter.restart(1000)).toEqual({
    bytes: 1000,
    sentBytes: 1000,
    totalBytes: 10_000,
    bytesPerSecond: 0,
    secondsLeft: undefined,
  });
  now = 2000;
  expect(meter.at(1500, 2000)).toEqual({
    bytes: 1500,
    sentBytes: 2000,
    totalBytes: 10_000,
    bytesPerSecond: 500,
    secondsLeft: 16,
  });
});

test("ProgressMeter: what is long past no longer counts", () => {
  let now = 0;
  const meter = new ProgressMeter(1_000_000, () => now);
  meter.restart(0);
  for (let second = 1; second <= 30; second++) {
    now = second * 1000;
    meter.at(second <= 10 ? second * 10_000 : 100_000 + (second - 10) * 100);
  }
  expect(meter.at(102_000).bytesPerSecond).toBeLessThan(110);
});

test("ProgressMeter: a pause doesn't count", () => {
  let now = 0;
  const meter = new ProgressMeter(10_000, () => now);
  meter.restart(0);
  now = 1000;
  meter.at(1000);
  now = 100_000;
  meter.restart(1000);
  now = 101_000;
  expect(meter.at(2000).bytesPerSecond).toBe(1000);
});
