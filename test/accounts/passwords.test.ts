import argon2 from "argon2";
import { beforeAll, describe, expect, test } from "vitest";
import { Passwords } from "../../src/accounts/password-hashing.ts";

describe("Passwords", () => {
  let passwords: Passwords;

  beforeAll(async () => {
    passwords = await Passwords.open();
  });

  test("hashes with argon2id, as OWASP recommends, each time with another salt", async () => {
    const hashes = await Promise.all([
      passwords.hash("correct horse", "client"),
      passwords.hash("correct horse", "client"),
    ]);
    for (const hash of hashes) {
      const [, algorithm, version, parameters] = hash.split("$");
      expect([algorithm, version]).toEqual(["argon2id", "v=19"]);
      expect(parameters?.split(",").sort()).toEqual(["m=19456", "p=1", "t=2"]);
    }
    expect(hashes[0]).not.toBe(hashes[1]);
    expect(hashes[0]?.length).toBeLessThanOrEqual(255);
  });

  test("verifies the password that was hashed and no other", async () => {
    const hash = await passwords.hash("correct hörse 😀", "client");
    expect(await passwords.verify(hash, "correct hörse 😀", "client")).toBe(true);
    for (const wrong of ["", "correct hörse", "correct hörse 😀 ", "Correct hörse 😀"]) {
      expect(await passwords.verify(hash, wrong, "client")).toBe(false);
    }
  });

  test("verifies hashes of other parameters, as older accounts may have", async () => {
    const hash = await argon2.hash("correct horse", { memoryCost: 8192, timeCost: 3, parallelism: 2 });
    expect(await passwords.verify(hash, "correct horse", "client")).toBe(true);
  });

  test("no password is that of nobody", async () => {
    expect(await passwords.verify(undefined, "no one's password", "client")).toBe(false);
    expect(await passwords.verify(undefined, "", "client")).toBe(false);
  });

  test("refuses more than can wait with RATE_LIMITED, and serves all who do", async () => {
    const cheap = await argon2.hash("correct horse", { memoryCost: 1024, timeCost: 2, parallelism: 1 });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 400 }, () => passwords.verify(cheap, "correct horse", "client")),
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
    expect(await passwords.verify(cheap, "correct horse", "client")).toBe(true);
  });

  test("a client that sends many waits for itself, and another comes to its turn at once", async () => {
    const cheap = await argon2.hash("correct horse", { memoryCost: 1024, timeCost: 2, parallelism: 1 });
    const many = Array.from({ length: 400 }, () => passwords.verify(cheap, "wrong horse", "greedy").catch(() => null));
    let answered = 0;
    for (const one of many) void one.then(() => answered++);
    const honest = Array.from({ length: 8 }, (_, i) => passwords.verify(cheap, "correct horse", `honest ${i}`));
    expect(await Promise.all(honest)).toEqual(Array(8).fill(true));
    const served = await Promise.all(many);
    expect(served.filter((outcome) => outcome === false).length).toBeGreaterThan(200);
    expect(answered).toBe(400);
  });

  test.each([
    ["cafe\u0301 au lait", "caf\u00e9 au lait"],
    ["caf\u00e9 au lait", "cafe\u0301 au lait"],
    ["correct\u00a0horse", "correct horse"],
    ["correct\u3000horse", "correct horse"],
  ])("%j and %j are the same password, however it is typed", async (chosen, typed) => {
    expect(await passwords.verify(await passwords.hash(chosen, "client"), typed, "client")).toBe(true);
  });

  test("hashes of passwords that were not prepared still open", async () => {
    const old = await argon2.hash("cafe\u0301 au lait");
    for (const typed of ["cafe\u0301 au lait", "caf\u00e9 au lait"]) {
      expect(await passwords.verify(old, typed, "client")).toBe(true);
    }
    const spaced = await argon2.hash("correct\u00a0horse");
    expect(await passwords.verify(spaced, "correct\u00a0horse", "client")).toBe(true);
    expect(await passwords.verify(spaced, "correct\u00a0house", "client")).toBe(false);
  });
});
