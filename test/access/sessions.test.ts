import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client } from "../support/client.ts";
import { dialects } from "../support/databases.ts";
import { startService, type TestService } from "../support/service.ts";

const LOGIN = "mutation ($input: LoginInput!) { login(input: $input) { token } }";
const SESSIONS = "{ sessions { id isCurrent createdAt expiresAt lastUsedAt lastUsedFrom userAgent } }";
const CHANGE = "mutation ($input: ChangePasswordInput!) { changePassword(input: $input) }";
const PASSWORD = "correct horse";

describe.each(dialects)("sessions on %s", (dialect) => {
  let service: TestService;
  beforeAll(async () => {
    service = await startService(dialect);
  });
  afterAll(() => service.stop());

  let number = 0;
  async function someone() {
    const username = `person-${++number}`;
    const client = await Client.register(service.url, username);
    const login = async (password = PASSWORD) => {
      const { token } = (await new Client(service.url).data(LOGIN, { input: { login: username, password } })).login;
      return new Client(service.url, token);
    };
    return { username, client, login };
  }
  const isIn = async (client: Client) => (await client.data("{ me { id } }")).me !== null;

  test("are listed, the latest first, with where they came from", async () => {
    const { client, login } = await someone();
    const response = await fetch(`${service.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", "user-agent": `Browser ${"x".repeat(300)}` },
      body: JSON.stringify({ query: LOGIN, variables: { input: { login: `person-${number}`, password: PASSWORD } } }),
    });
    expect(response.status).toBe(200);
    await login();
    const { sessions } = await client.data(SESSIONS);
    expect(sessions.map(({ isCurrent }: { isCurrent: boolean }) => isCurrent)).toEqual([false, false, true]);
    expect(sessions[1]).toMatchObject({ lastUsedFrom: "127.0.0.1", lastUsedAt: null });
    expect(sessions[1].userAgent).toHaveLength(255);
    await expect.poll(async () => (await client.data(SESSIONS)).sessions[2].lastUsedAt).not.toBeNull();
  });

  test("end one by one, or all but the one that asks; again, they stay ended", async () => {
    const { client, login } = await someone();
    const [one, two, three] = [await login(), await login(), await login()];
    const { sessions } = await one.data(SESSIONS);
    const { id } = sessions.find(({ isCurrent }: { isCurrent: boolean }) => isCurrent);
    for (let time = 0; time < 2; time++) {
      expect(await client.data("mutation ($id: ID!) { revokeSession(id: $id) }", { id })).toEqual({
        revokeSession: true,
      });
    }
    expect([await isIn(one), await isIn(two), await isIn(client)]).toEqual([false, true, true]);
    expect(await client.data("mutation { revokeOtherSessions }")).toEqual({ revokeOtherSessions: 2 });
    expect(await client.data("mutation { revokeOtherSessions }")).toEqual({ revokeOtherSessions: 0 });
    expect([await isIn(two), await isIn(three), await isIn(client)]).toEqual([false, false, true]);
  });

  test("of others can't be ended", async () => {
    const [ada, eve] = [await someone(), await someone()];
    const { sessions } = await ada.client.data(SESSIONS);
    await eve.client.data("mutation ($id: ID!) { revokeSession(id: $id) }", { id: sessions[0].id });
    expect(await isIn(ada.client)).toBe(true);
  });

  test("a new password ends all other sessions and keys; asked again, nothing more", async () => {
    const { client, login } = await someone();
    const other = await login();
    const { createApiKey } = await client.data(
      'mutation { createApiKey(input: { name: "key", scopes: [FILES_READ] }) { token } }',
    );
    const key = new Client(service.url, createApiKey.token);
    const input = { currentPassword: PASSWORD, newPassword: "staple battery" };
    for (let time = 0; time < 2; time++) expect(await client.data(CHANGE, { input })).toEqual({ changePassword: true });
    expect([await isIn(client), await isIn(other), await isIn(key)]).toEqual([true, false, false]);
    expect(await isIn(await login("staple battery"))).toBe(true);
    await expect(login()).rejects.toThrow("UNAUTHENTICATED");
  });

  test("a new password leaves the others where it is told to", async () => {
    const { client, login } = await someone();
    const other = await login();
    const input = { currentPassword: PASSWORD, newPassword: "staple battery", keepOthers: true };
    await client.data(CHANGE, { input });
    expect([await isIn(client), await isIn(other)]).toEqual([true, true]);
  });

  test.each([
    [{ currentPassword: "wrong horse", newPassword: "staple battery" }, "currentPassword"],
    [{ currentPassword: PASSWORD, newPassword: "short" }, "newPassword"],
    [{ currentPassword: PASSWORD, newPassword: "password1" }, "newPassword"],
    [{ currentPassword: "x".repeat(300), newPassword: "staple battery" }, "currentPassword"],
  ])("%j changes nothing", async (input, field) => {
    const { client, login } = await someone();
    const other = await login();
    expect(await client.failure(CHANGE, { input })).toMatchObject({ code: "BAD_USER_INPUT", field });
    expect(await isIn(other)).toBe(true);
    await login();
  });

  test("a new password keeps out who signs in with the old one at that moment, and keys that others make", async () => {
    const { client, login } = await someone();
    const others = await Promise.all(Array.from({ length: 3 }, () => login()));
    const input = { currentPassword: PASSWORD, newPassword: "staple battery" };
    const made: Client[] = [];
    let isOver = false;
    const makingKeys = others.map(async (other) => {
      while (!isOver) {
        const key = 'mutation { createApiKey(input: { name: "key", scopes: [FILES_READ] }) { token } }';
        const { data } = await other.send(key);
        if (data == null) return;
        made.push(new Client(service.url, (data as { createApiKey: { token: string } }).createApiKey.token));
      }
    });
    const signingIn = Array.from({ length: 5 }, () => login().catch(() => null));
    await client.data(CHANGE, { input });
    isOver = true;
    await Promise.all(makingKeys);
    const late = [...made, ...others, ...(await Promise.all(signingIn)).filter((other) => other !== null)];
    expect(await Promise.all(late.map(isIn))).toEqual(late.map(() => false));
    expect(await isIn(client)).toBe(true);
  });

  test("what is no id is refused, so that a name doesn't pass for what is gone", async () => {
    const { client } = await someone();
    for (const operation of ["revokeSession", "revokeApiKey"]) {
      const query = `mutation ($id: ID!) { ${operation}(id: $id) }`;
      expect(await client.failure(query, { id: "nightly" })).toMatchObject({ code: "BAD_USER_INPUT", field: "id" });
    }
  });

  test("of two changes at once, one wins", async () => {
    const { client, login } = await someone();
    const inputs = ["staple battery 1", "staple battery 2"].map((newPassword) => ({
      currentPassword: PASSWORD,
      newPassword,
    }));
    const answers = await Promise.all(inputs.map((input) => client.send(CHANGE, { input })));
    const won = inputs.filter((_, index) => answers[index]?.errors === undefined);
    expect(won.length).toBeGreaterThanOrEqual(1);
    const last = await Promise.allSettled(inputs.map(({ newPassword }) => login(newPassword)));
    expect(last.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });
});
