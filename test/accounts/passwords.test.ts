import argon2 from "argon2";
import { beforeAll, describe, expect, test } from "vitest";
import { Passwords } from "../../src/accounts/passwords.ts";

describe("Passwords", () => {
  let passwords: Passwords;

  beforeAll(async () => {
    passwords = await Passwords.open();
  });

  test("hashes with argon2id, as OWASP recommends, each time with another salt", async () => {
    const hashes = await Promise.all([passwords.hash("correct horse"), passwords.hash("correct horse")]);
    for (const hash of hashes) {
      const [, algorithm, version, parameters] = hash.split("$");
      expect([algorithm, version]).toEqual(["argon2id", "v=19"]);
      expect(parameters?.split(",").sort()).toEqual(["m=19456", "p=1", "t=2"]);
    }
    expect(hashes[0]).not.toBe(hashes[1]);
    expect(hashes[0]?.length).toBeLessThanOrEqual(255);
  });

  test("verifies the password that was hashed and no other", async () => {
    const hash = await passwords.hash("correct hörse 😀");
    expect(await passwords.verify(hash, "correct hörse 😀")).toBe(true);
    for (const wrong of ["", "correct hörse", "correct hörse 😀 ", "Correct hörse 😀"]) {
      expect(await passwords.verify(hash, wrong)).toBe(false);
    }
  });

  test("verifies hashes of other parameters, as older accounts may have", async () => {
    const hash = await argon2.hash("correct horse", { memoryCost: 8192, timeCost: 3, parallelism: 2 });
    expect(await passwords.verify(hash, "correct horse")).toBe(true);
  });

  test("no password is that of nobody", async () => {
    expect(await passwords.verify(undefined, "no one's password")).toBe(false);
    expect(await passwords.verify(undefined, "")).toBe(false);
  });

  test("refuses more than can wait with RATE_LIMITED, and serves all who do", async () => {
    const cheap = await argon2.hash("correct horse", { memoryCost: 1024, timeCost: 2, parallelism: 1 });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 400 }, () => passwords.verify(cheap, "correct horse")),
    );
    const refused = outcomes.filter((outcome) => outcome.status === "rejected");
    expect(refused.length).toBeGreaterThan(100);
    for (const { reason } of refused) {
      expect(reason).toMatchObject({ code: "RATE_LIMITED", facts: { retryAfterSeconds: expect.any(Number) } });
      expect(reason.facts.retryAfterSeconds).toBeGreaterThan(0);
    }
    const served = outcomes.filter((outcome) => outcome.status === "fulfilled");
    expect(served.length).toBeGreaterThanOrEqual(256);
    expect(served.every((outcome) => outcome.value)).toBe(true);
    expect(await passwords.verify(cheap, "correct horse")).toBe(true);
  });
});
