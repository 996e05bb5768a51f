import { expect, test } from "vitest";
import { StowageError } from "../../src/client/errors.ts";
import { Patience } from "../../src/client/patience.ts";

const options = { baseDelayMs: 100, maxDelayMs: 1000, giveUpAfterMs: 60_000 };
const gone = new StowageError("NETWORK_ERROR", "gone");

test("Patience: waits grow exponentially up to a bound, with full jitter", () => {
  const most = new Patience(
    options,
    () => 1,
    () => 0,
  );
  expect(Array.from({ length: 6 }, () => most.failed(gone))).toEqual([100, 200, 400, 800, 1000, 1000]);
  expect(
    new Patience(
      options,
      () => 0,
      () => 0,
    ).failed(gone),
  ).toBe(0);
});

test("Patience: a success begins anew", () => {
  const patience = new Patience(
    options,
    () => 1,
    () => 0,
  );
  patience.failed(gone);
  patience.succeeded();
  expect(patience.failed(gone)).toBe(100);
});

test("Patience: the server's Retry-After is waited for at least", () => {
  const busy = new StowageError("RATE_LIMITED", "busy", { retryAfterMs: 7000 });
  expect(new Patience(options).failed(busy)).toBe(7000);
});

test("Patience: what has failed for too long is thrown", () => {
  let now = 0;
  const patience = new Patience(
    options,
    () => 0,
    () => now,
  );
  patience.failed(gone);
  now = 59_000;
  patience.failed(gone);
  now = 61_000;
  expect(() => patience.failed(gone)).toThrow(gone);
});

test.each([
  ["QUOTA_EXCEEDED", 413],
  ["UNAUTHENTICATED", 401],
  ["UNEXPECTED_ANSWER", 404],
  ["INSUFFICIENT_STORAGE", 507],
] as const)("Patience: %s is thrown at once", (code, status) => {
  const error = new StowageError(code, "no", { status });
  expect(() => new Patience(options).failed(error)).toThrow(error);
});

test.each([
  ["RATE_LIMITED", 429],
  ["UNEXPECTED_ANSWER", 502],
  ["SERVICE_UNAVAILABLE", 503],
] as const)("Patience: %s is tried again", (code, status) => {
  expect(new Patience(options, () => 1).failed(new StowageError(code, "no", { status }))).toBe(100);
});
