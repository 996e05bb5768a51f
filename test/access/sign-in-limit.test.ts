import { describe, expect, onTestFinished, test } from "vitest";
import { AttemptLimit } from "../../src/access/attempt-limit.ts";
import { dialects } from "../support/databases.ts";
import { startService, type TestService } from "../support/service.ts";

const PASSWORD = "correct horse";

/** A service behind a proxy that names the address of each client. */
async function behindProxy(dialect: (typeof dialects)[number]): Promise<TestService> {
  const service = await startService(dialect, { TRUST_PROXY: "on" });
  onTestFinished(() => service.stop());
  return service;
}

async function ask(service: TestService, address: string, query: string, input: object) {
  const response = await fetch(`${service.url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-forwarded-for": address },
    body: JSON.stringify({ query, variables: { input } }),
  });
  const { errors } = (await response.json()) as { errors?: { extensions: Record<string, unknown> }[] };
  const { code, retryAfterSeconds } = errors?.[0]?.extensions ?? {};
  return { code, retryAfterSeconds };
}

const LOGIN = "mutation ($input: LoginInput!) { login(input: $input) { token } }";
const REGISTER = "mutation ($input: RegisterInput!) { register(input: $input) { token } }";
const register = (service: TestService, username: string, address: string) =>
  ask(service, address, REGISTER, { username, email: `${username}@example.org`, password: PASSWORD });
const login = (service: TestService, name: string, address: string, password = PASSWORD) =>
  ask(service, address, LOGIN, { login: name, password });
const looked = (answers: { code?: unknown }[]) => answers.filter(({ code }) => code !== "RATE_LIMITED").length;

describe.each(dialects)("guessing on %s", (dialect) => {
  test("from one address, at most six are looked at; others sign in meanwhile, its owner too", async () => {
    const service = await behindProxy(dialect);
    await register(service, "ada", "198.51.100.1");
    await register(service, "bob", "198.51.100.2");
    const guesses = Array.from({ length: 200 }, (_, i) => login(service, "ada", "203.0.113.9", `guess ${i}`));
    const [answers, owner, other] = await Promise.all([
      Promise.all(guesses),
      login(service, "ada", "198.51.100.1"),
      login(service, "bob", "198.51.100.2"),
    ]);
    expect(looked(answers)).toBe(6);
    expect(answers.find(({ code }) => code === "RATE_LIMITED")?.retryAfterSeconds).toBeLessThanOrEqual(60);
    expect([owner.code, other.code]).toEqual([undefined, undefined]);
    // Nobody learns that the name and the address are one account.
    const codes = [
      await login(service, "ada@example.org", "203.0.113.9", "guess"),
      await login(service, "eve@example.org", "203.0.113.9", "guess"),
    ];
    expect(codes).toEqual([{ code: "UNAUTHENTICATED" }, { code: "UNAUTHENTICATED" }]);
  });

  test("from many addresses, nine are looked at in all, and the owner signs in from where they did before", async () => {
    const service = await behindProxy(dialect);
    await register(service, "ada", "2001:db8:1:2::1");
    const from = (i: number) => `2001:db8:${(i + 16).toString(16)}::7`;
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => login(service, "ada", from(i), "guess 1")));
    expect(looked(answers)).toBe(9);
    // Its network of 64 bits is one address.
    expect(await login(service, "ada", "2001:db8:1:2::abcd")).toEqual({});
    expect(await login(service, "ada", "2001:db8:ffff::1")).toMatchObject({ code: "RATE_LIMITED" });
  });

  test("at a name that there isn't is answered alike", async () => {
    const service = await behindProxy(dialect);
    await register(service, "ada", "198.51.100.1");
    const codes = async (name: string) => {
      const answers = [];
      for (let i = 0; i < 8; i++) answers.push((await login(service, name, "203.0.113.9", "guess 1")).code);
      return answers;
    };
    const expected = [...Array.from({ length: 6 }, () => "UNAUTHENTICATED"), "RATE_LIMITED", "RATE_LIMITED"];
    expect([await codes("ada"), await codes("nobody")]).toEqual([expected, expected]);
  });

  test("by register is bounded with it", async () => {
    const service = await behindProxy(dialect);
    await register(service, "ada", "198.51.100.1");
    const guess = (password: string) =>
      ask(service, "203.0.113.9", REGISTER, { username: "ada", email: "ada@example.org", password });
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => guess(`a guess ${i}`)));
    expect(looked(answers)).toBe(6);
  });

  test("a right password gives the tries back", async () => {
    const service = await behindProxy(dialect);
    await register(service, "ada", "198.51.100.1");
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 5; i++) {
        expect((await login(service, "ada", "198.51.100.1", "mistyped")).code).not.toBe("RATE_LIMITED");
      }
      expect(await login(service, "ada", "198.51.100.1")).toEqual({});
    }
  });
});

test("a limit remembers no more keys than it may, the latest of them", () => {
  const limit = new AttemptLimit(1, 60_000);
  for (let i = 0; i <= 100_000; i++) limit.take(`key ${i}`);
  expect(limit.take("key 100000")).toBeGreaterThan(0);
  expect(limit.take("key 1")).toBeGreaterThan(0);
  expect(limit.take("key 0")).toBeUndefined();
});

test("an address that a proxy names counts only where the proxy is one of ours", async () => {
  for (const [trusted, looks] of [
    ["192.0.2.0/24, ::1", 6],
    ["loopback", 9],
  ] as const) {
    const service = await startService("sqlite", { TRUST_PROXY: trusted });
    onTestFinished(() => service.stop());
    await register(service, "ada", "198.51.100.1");
    const answers = Array.from({ length: 12 }, (_, i) => login(service, "ada", `203.0.113.${i}`, "guess 1"));
    expect(looked(await Promise.all(answers))).toBe(looks);
  }
});

test("what a proxy names that is no address, or has a port, is kept as the address that it is", async () => {
  const service = await behindProxy("sqlite");
  for (const [named, kept] of [
    ["x".repeat(5000), "127.0.0.1"],
    ["198.51.100.7:4711", "198.51.100.7"],
    ["[2001:db8::7]:4711", "2001:db8::7"],
  ] as const) {
    const username = `user-${Math.random().toString(36).slice(2, 10)}`;
    expect(await register(service, username, named)).toEqual({});
    const rows = await service.database((em) =>
      em.execute<{ last_used_from: string }[]>(
        "select last_used_from from access_tokens join users on users.id = user_id where username = ?",
        [username],
      ),
    );
    expect(rows.map(({ last_used_from: from }) => from)).toEqual([kept]);
  }
});
