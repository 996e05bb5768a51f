import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client } from "../support/client.ts";
import { dialects } from "../support/databases.ts";
import { startService, type TestService } from "../support/service.ts";

const CREATE = "mutation ($input: CreateUserInput!) { createUser(input: $input) { id username role disabledAt } }";
const UPDATE = `mutation ($id: ID!, $input: UpdateUserInput!) {
  updateUser(id: $id, input: $input) { id role disabledAt storage { quotaBytes } }
}`;
const LOGIN = "mutation ($input: LoginInput!) { login(input: $input) { token } }";
const PASSWORD = "correct horse";

describe.each(dialects)("users on %s", (dialect) => {
  let service: TestService;
  let admin: Client;
  beforeAll(async () => {
    service = await startService(dialect, { REGISTRATION: "open", DEFAULT_QUOTA: "1GiB" });
    admin = await service.administrator();
  });
  afterAll(() => service.stop());

  const idOf = async (client: Client): Promise<string> => (await client.data("{ me { id } }")).me.id;
  const update = (id: string, input: object, by = admin) => by.send(UPDATE, { id, input });
  const isIn = async (client: Client) => (await client.data("{ me { id } }")).me !== null;

  test("are listed by name, page by page, and found by a part of name or address", async () => {
    for (const name of ["list-c", "list-a", "list-b"]) await Client.register(service.url, name);
    const query = `query ($after: String, $search: String) {
      users(first: 2, after: $after, search: $search) { totalCount nodes { username email } pageInfo { hasNextPage endCursor } }
    }`;
    const first = (await admin.data(query, { search: "LIST-" })).users;
    expect(first).toMatchObject({ totalCount: 3, nodes: [{ username: "list-a" }, { username: "list-b" }] });
    const second = (await admin.data(query, { search: "LIST-", after: first.pageInfo.endCursor })).users;
    expect(second).toMatchObject({ nodes: [{ username: "list-c" }], pageInfo: { hasNextPage: false } });
    expect((await admin.data(query, { search: "list-b@example" })).users.totalCount).toBe(1);
    expect((await admin.data(query, { search: "?%_'" })).users.totalCount).toBe(0);
  });

  test("are made by administrators, with what registering asks for", async () => {
    const input = { username: "Made", email: "made@example.org", password: PASSWORD, role: "ADMIN" };
    expect((await admin.data(CREATE, { input })).createUser).toMatchObject({ username: "Made", role: "ADMIN" });
    const again = { ...input, username: "made", email: "other@example.org" };
    expect(await admin.failure(CREATE, { input: again })).toMatchObject({ code: "CONFLICT", field: "username" });
    expect(await admin.failure(CREATE, { input: { ...input, username: "x", password: "short" } })).toMatchObject({
      code: "BAD_USER_INPUT",
    });
    const same = await Promise.all(Array.from({ length: 5 }, () => admin.data(CREATE, { input })));
    expect(new Set(same.map(({ createUser }) => createUser.id)).size).toBe(1);
    const login = { login: "made", password: PASSWORD };
    expect((await new Client(service.url).data(LOGIN, { input: login })).login.token).toMatch(/^stw_/);
  });

  test("who are disabled are out at once, by every way, and in again as they were", async () => {
    const ada = await Client.register(service.url, `ada-${dialect}`);
    const { id: fileId } = await ada.upload("f.txt", Buffer.from("bytes"));
    const link = "mutation ($id: ID!) { createDownloadLink(fileId: $id) { url } }";
    const url = new URL((await ada.data(link, { id: fileId })).createDownloadLink.url, service.url);
    const key = 'mutation { createApiKey(input: { name: "key", scopes: [FILES_READ] }) { token } }';
    const program = new Client(service.url, (await ada.data(key)).createApiKey.token);
    const id = await idOf(ada);
    const ways = async () => [
      await isIn(ada),
      await isIn(program),
      (await fetch(url)).status,
      (await ada.download(fileId)).status,
    ];
    expect(await ways()).toEqual([true, true, 200, 200]);
    expect((await update(id, { disabled: true })).errors).toBeUndefined();
    expect(await ways()).toEqual([false, false, 404, 401]);
    const input = { login: `ada-${dialect}`, password: PASSWORD };
    expect(await new Client(service.url).failure(LOGIN, { input })).toMatchObject({ code: "FORBIDDEN" });
    const wrong = { ...input, password: "wrong horse" };
    expect(await new Client(service.url).failure(LOGIN, { input: wrong })).toMatchObject({ code: "UNAUTHENTICATED" });
    await update(id, { disabled: false });
    expect(await ways()).toEqual([true, true, 200, 200]);
  });

  test("have a role and a quota that stay as they are where nothing is said of them", async () => {
    const id = await idOf(await Client.register(service.url));
    const changed = async (input: object) => (await admin.data(UPDATE, { id, input })).updateUser;
    expect(await changed({ quotaBytes: 5000 })).toMatchObject({ role: "USER", storage: { quotaBytes: 5000 } });
    expect(await changed({ role: "ADMIN" })).toMatchObject({ role: "ADMIN", storage: { quotaBytes: 5000 } });
    expect(await changed({ quotaBytes: null })).toMatchObject({ role: "ADMIN", storage: { quotaBytes: 1024 ** 3 } });
    await changed({ role: "USER" });
    const refused = (await update(id, { role: "ADMIN", quotaBytes: -1 })).errors?.[0]?.extensions;
    expect(refused).toMatchObject({ code: "BAD_USER_INPUT", field: "quotaBytes" });
    expect(await changed({})).toMatchObject({ role: "USER" });
    for (const none of [uuidv7(), "nobody"]) {
      expect((await update(none, { disabled: true })).errors?.[0]?.extensions.code).toBe("NOT_FOUND");
    }
  });

  test("aren't changed by who is no administrator any more when a request comes to its act", async () => {
    const one = await service.administrator();
    const id = await idOf(one);
    const document = `mutation ($id: ID!) {
      first: updateUser(id: $id, input: { role: USER }) { role }
      second: updateUser(id: $id, input: { role: ADMIN }) { role }
    }`;
    expect((await one.send(document, { id })).errors?.[0]?.extensions).toMatchObject({
      code: "FORBIDDEN",
      needed: "ADMIN",
    });
    expect((await one.data("{ me { role } }")).me.role).toBe("USER");
  });

  test("always have an administrator, though two leave at once", async () => {
    await service.database((em) => em.execute("update users set role = 'USER'", [], "run"));
    const pair = [await service.administrator(), await service.administrator()];
    const ids = await Promise.all(pair.map(idOf));
    const answers = await Promise.all(
      pair.map((one, index) => update(ids[index] as string, index === 0 ? { role: "USER" } : { disabled: true }, one)),
    );
    const codes = answers.map(({ errors }) => errors?.[0]?.extensions.code);
    expect(codes.filter((code) => code === undefined)).toHaveLength(1);
    expect(codes.filter((code) => code === "CONFLICT")).toHaveLength(1);
  });
});
