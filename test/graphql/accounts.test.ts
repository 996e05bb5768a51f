import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import argon2 from "argon2";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { Client } from "../support/client.ts";
import { dialects, newDatabaseUrl } from "../support/databases.ts";
import { startService, type TestService } from "../support/service.ts";

const PASSWORD = "correct horse";
const REGISTER = `mutation ($input: RegisterInput!) {
  register(input: $input) { token expiresAt user { id username email role createdAt } }
}`;
const LOGIN = "mutation ($input: LoginInput!) { login(input: $input) { token expiresAt user { id } } }";
const ME = "{ me { id username email role createdAt } }";

let next = 0;
const newName = () => `Ada.${process.pid}_${next++}`;
const inputFor = (username: string, password = PASSWORD) => ({ username, email: `${username}@Example.org`, password });

describe.each(dialects)("accounts on %s", (dialect) => {
  let service: TestService;
  let nobody: Client;

  beforeAll(async () => {
    service = await startService(dialect, { SIGN_INS_PER_ACCOUNT: "1000" });
    nobody = new Client(service.url);
  });
  afterAll(() => service.stop());

  const register = async (input: object) => (await nobody.data(REGISTER, { input })).register;
  const login = async (name: string, password = PASSWORD) =>
    (await nobody.data(LOGIN, { input: { login: name, password } })).login;
  const me = async (token?: string) => (await new Client(service.url, token).data(ME)).me;

  test("register: makes an account and signs in", async () => {
    const username = newName();
    const { token, expiresAt, user } = await register(inputFor(username));
    expect(user).toMatchObject({ username, email: `${username}@Example.org`, role: "USER" });
    expect(Math.abs(Date.parse(user.createdAt) - Date.now())).toBeLessThan(30_000);
    expect(Date.parse(expiresAt) - Date.parse(user.createdAt)).toBeGreaterThanOrEqual(30 * 86_400_000);
    expect(await me(token)).toEqual(user);
  });

  test("me: is null without a valid token", async () => {
    const { token } = await register(inputFor(newName()));
    const other = token.slice(0, -1) + (token.endsWith("A") ? "B" : "A");
    for (const wrong of [undefined, "", "x", other, token.toLowerCase(), `${token}A`]) {
      expect(await me(wrong)).toBeNull();
    }
    for (const authorization of [token, `Basic ${token}`, `Bearer ${token}, Bearer ${token}`]) {
      const response = await fetch(`${service.url}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization },
        body: JSON.stringify({ query: ME }),
      });
      expect(await response.json()).toEqual({ data: { me: null } });
    }
  });

  test("register: a taken username or email is a CONFLICT with its field, whatever the case", async () => {
    const username = newName();
    await register(inputFor(username));
    const sameName = { ...inputFor(newName()), username: username.toUpperCase() };
    expect(await nobody.failure(REGISTER, { input: sameName })).toMatchObject({ code: "CONFLICT", field: "username" });
    const sameEmail = { ...inputFor(newName()), email: `${username}@eXample.ORG`.toLowerCase() };
    expect(await nobody.failure(REGISTER, { input: sameEmail })).toMatchObject({ code: "CONFLICT", field: "email" });
  });

  test("register: again with all the same signs in; with another password it doesn't", async () => {
    const input = inputFor(newName());
    const first = await register(input);
    const second = await register(input);
    expect(second.user).toEqual(first.user);
    expect(second.token).not.toBe(first.token);
    const failure = await nobody.failure(REGISTER, { input: { ...input, password: "battery staple" } });
    expect(failure).toMatchObject({ code: "CONFLICT", field: "username" });
  });

  test("register: ten at once with all the same are one account", async () => {
    const input = inputFor(newName());
    const all = await Promise.all(Array.from({ length: 10 }, () => register(input)));
    expect(new Set(all.map((one) => one.user.id)).size).toBe(1);
    expect(new Set(all.map((one) => one.token)).size).toBe(10);
  });

  test("register: of ten who want one name at once, one gets it", async () => {
    const username = newName();
    const inputs = Array.from({ length: 10 }, (_, i) => ({
      ...inputFor(username),
      email: `${username}${i}@example.org`,
    }));
    const answers = await Promise.all(inputs.map((input) => nobody.send(REGISTER, { input })));
    const failures = answers.flatMap((answer) => answer.errors ?? []);
    expect(failures).toHaveLength(9);
    for (const { extensions } of failures) expect(extensions).toMatchObject({ code: "CONFLICT", field: "username" });
  });

  test.each([
    ["username", "ab"],
    ["username", "a".repeat(33)],
    ["username", "ada lovelace"],
    ["username", "ada@example.org"],
    ["username", "ädä"],
    ["email", "ada"],
    ["email", "ada@localhost"],
    ["email", "ada@example.org "],
    ["email", `${"a".repeat(64)}@${"b.".repeat(100)}example.org`],
    ["password", "7 chars"],
    ["password", "😀".repeat(7)],
    ["password", "p".repeat(257)],
  ])("register: refuses the %s %j", async (field, value) => {
    const failure = await nobody.failure(REGISTER, { input: { ...inputFor(newName()), [field]: value } });
    expect(failure).toMatchObject({ code: "BAD_USER_INPUT", field });
  });

  test.each([
    ["password", "most common"],
    ["PASSWORD1", "most common"],
    ["12345678", "most common"],
    ["        ", "spaces only"],
    ["\u00a0\u3000      ", "spaces only"],
  ])("register: refuses the password %j, which others guess", async (password, why) => {
    const { errors } = await nobody.send(REGISTER, { input: { ...inputFor(newName()), password } });
    expect(errors).toMatchObject([{ extensions: { code: "BAD_USER_INPUT", field: "password" } }]);
    expect(errors?.[0]?.message).toContain(why);
  });

  test("register: refuses one's own name or address as a password", async () => {
    const input = inputFor(`${newName()}-long`);
    for (const password of [input.username, input.username.toUpperCase(), input.email]) {
      const failure = await nobody.failure(REGISTER, { input: { ...input, password } });
      expect(failure).toMatchObject({ code: "BAD_USER_INPUT", field: "password" });
    }
  });

  test("register: how long a conflict takes doesn't tell whether an address belongs to a name", async () => {
    const [one, other] = [inputFor(newName()), inputFor(newName())];
    await register(one);
    await register(other);
    const time = async (email: string) => {
      const begun = performance.now();
      const input = { ...one, email, password: "another password" };
      expect((await nobody.failure(REGISTER, { input })).code).toBe("CONFLICT");
      return performance.now() - begun;
    };
    const times: Record<string, number[]> = { [one.email]: [], [other.email]: [] };
    for (let i = 0; i < 15; i++) for (const email of [one.email, other.email]) times[email]?.push(await time(email));
    const [theirs, anothers] = Object.values(times).map((all) => all.sort((a, b) => a - b)[7] as number);
    expect((theirs as number) / (anothers as number)).toBeLessThan(2);
  });

  test("login: the same password, typed with its accents composed or not", async () => {
    const username = newName();
    const { user } = await register(inputFor(username, "cafe\u0301 noir"));
    expect((await login(username, "caf\u00e9 noir")).user.id).toBe(user.id);
    expect((await login(username, "cafe\u0301 noir")).user.id).toBe(user.id);
  });

  test("register and login: a password may be anything of 8 to 256 characters", async () => {
    const control = inputFor(newName(), "tab\t1234567");
    const refused = { code: "BAD_USER_INPUT", field: "password" };
    expect(await nobody.failure(REGISTER, { input: control })).toMatchObject(refused);
    for (const password of ["   two words   ", "pässwörd", "😀".repeat(8), "a\u202e1234567", "p".repeat(256)]) {
      const username = newName();
      const { user } = await register(inputFor(username, password));
      expect((await login(username, password)).user.id).toBe(user.id);
    }
  });

  test("login: by username or email address, in any case", async () => {
    const username = newName();
    const { user } = await register(inputFor(username));
    for (const name of [username, username.toUpperCase(), `${username}@example.ORG`]) {
      const signedIn = await login(name);
      expect(signedIn.user.id).toBe(user.id);
      expect((await me(signedIn.token)).id).toBe(user.id);
    }
  });

  test("login: a wrong password and an unknown name can't be told apart, and cost the same work", async () => {
    const username = newName();
    await register(inputFor(username));
    // What it costs is argon2's work, which the hash's parameters say; times would say more of the machine.
    const verify = vi.spyOn(argon2, "verify");
    onTestFinished(() => verify.mockRestore());
    const answers: unknown[] = [];
    for (const name of [username, newName()]) {
      verify.mockClear();
      const { errors } = await nobody.send(LOGIN, { input: { login: name, password: "battery staple" } });
      const parameters = verify.mock.calls.map(([hash]) => hash.split("$").slice(0, 4));
      answers.push({ code: errors?.[0]?.extensions.code, message: errors?.[0]?.message, parameters });
    }
    expect(answers[0]).toMatchObject({
      code: "UNAUTHENTICATED",
      parameters: [["", "argon2id", "v=19", expect.any(String)]],
    });
    expect(answers[1]).toEqual(answers[0]);
  });

  test("login: overlong input is refused", async () => {
    const failure = (input: object) => nobody.failure(LOGIN, { input });
    const name = "a".repeat(255);
    expect(await failure({ login: name, password: PASSWORD })).toMatchObject({
      code: "BAD_USER_INPUT",
      field: "login",
    });
    const password = "p".repeat(100_000);
    expect(await failure({ login: "ada", password })).toMatchObject({ code: "BAD_USER_INPUT", field: "password" });
  });

  test("logout: revokes the token that it came with, no other, and may be repeated", async () => {
    const username = newName();
    const { token } = await register(inputFor(username));
    const { token: other } = await login(username);
    const client = new Client(service.url, token);
    expect(await client.data("mutation { logout }")).toEqual({ logout: true });
    expect(await client.data("mutation { logout }")).toEqual({ logout: true });
    expect(await me(token)).toBeNull();
    expect(await me(other)).toMatchObject({ username });
    expect(await nobody.failure("mutation { logout }")).toMatchObject({ code: "UNAUTHENTICATED" });
  });

  test("without a token, everything but signing in is UNAUTHENTICATED", async () => {
    const id = "01234567-89ab-7def-8123-456789abcdef";
    const operations = [
      `query { file(id: "${id}") { id } }`,
      "query { files { totalCount } }",
      `query { uploadSession(id: "${id}") { id } }`,
      "query { uploadSessions { totalCount } }",
      'mutation { beginUpload(input: { filename: "a", size: 0 }) { id } }',
      `mutation { completeUpload(uploadId: "${id}") { id } }`,
      `mutation { abortUpload(uploadId: "${id}") }`,
      `mutation { renameFile(id: "${id}", filename: "b") { id } }`,
      `mutation { deleteFile(id: "${id}") }`,
      `mutation { createDownloadLink(fileId: "${id}") { id } }`,
      `mutation { revokeDownloadLink(id: "${id}") }`,
    ];
    for (const operation of operations) {
      expect((await nobody.failure(operation)).code, operation).toBe("UNAUTHENTICATED");
    }
    const chunk = await nobody.sendChunk(id, 0, Buffer.from("bytes"));
    expect(chunk.errors?.[0]?.extensions.code).toBe("UNAUTHENTICATED");
    expect((await nobody.download(id)).status).toBe(401);
  });

  test("TOKEN_EXPIRY ends a token; REGISTRATION=closed leaves those who are in", async () => {
    const folder = await mkdtemp(join(tmpdir(), "stowage-accounts-"));
    const DATABASE_URL = newDatabaseUrl(dialect, folder);
    const open = await startService(dialect, { DATABASE_URL });
    await new Client(open.url).data(REGISTER, { input: inputFor("Grace") });
    await open.stop();
    const closed = await startService(dialect, { DATABASE_URL, TOKEN_EXPIRY: "5s", REGISTRATION: "closed" });
    try {
      const client = new Client(closed.url);
      for (const name of ["Grace", "Hopper"]) {
        expect(await client.failure(REGISTER, { input: inputFor(name) })).toMatchObject({ code: "FORBIDDEN" });
      }
      client.token = (await client.data(LOGIN, { input: { login: "grace", password: PASSWORD } })).login.token;
      expect((await client.data(ME)).me.username).toBe("Grace");
      await expect.poll(async () => (await client.data(ME)).me, { timeout: 30_000 }).toBeNull();
      expect(await client.failure("{ files { totalCount } }")).toMatchObject({ code: "UNAUTHENTICATED" });
    } finally {
      await closed.stop();
      await rm(folder, { recursive: true });
    }
  });
});
