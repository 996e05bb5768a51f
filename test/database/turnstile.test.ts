import { expect, test } from "vitest";
import { Turnstile } from "../../src/database/turnstile.ts";
import { ServiceUnavailableError } from "../../src/errors.ts";

/** Work that ends when it is told to, and says that it began. */
function work(log: string[], name: string) {
  const { promise, resolve } = Promise.withResolvers<string>();
  const run = () => {
    log.push(name);
    return promise;
  };
  return { run, end: () => resolve(name) };
}

test("Turnstile: so many pass at once, the others in the order in which they came", async () => {
  const turnstile = new Turnstile(2, 10_000);
  const log: string[] = [];
  const all = ["a", "b", "c", "d"].map((name) => work(log, name));
  const passing = all.map(({ run }) => turnstile.pass(run));
  expect(log).toEqual(["a", "b"]);
  all[1]?.end();
  expect(await passing[1]).toBe("b");
  expect(log).toEqual(["a", "b", "c"]);
  for (const { end } of all) end();
  expect(await Promise.all(passing)).toEqual(["a", "b", "c", "d"]);
});

test("Turnstile: work that fails makes room", async () => {
  const turnstile = new Turnstile(1, 10_000);
  for (let time = 0; time < 3; time++) {
    await expect(turnstile.pass(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
  }
  expect(await turnstile.pass(async () => 1)).toBe(1);
});

test("Turnstile: whose turn doesn't come in time is SERVICE_UNAVAILABLE and never begins", async () => {
  const turnstile = new Turnstile(1, 50);
  const log: string[] = [];
  const first = work(log, "first");
  const passing = turnstile.pass(first.run);
  await expect(turnstile.pass(work(log, "late").run)).rejects.toBeInstanceOf(ServiceUnavailableError);
  first.end();
  await passing;
  expect(await turnstile.pass(async () => "next")).toBe("next");
  expect(log).toEqual(["first"]);
});
