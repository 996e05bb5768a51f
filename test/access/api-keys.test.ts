import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client } from "../support/client.ts";
import { dialects } from "../support/databases.ts";
import { startService, type TestService } from "../support/service.ts";

const CREATE = `mutation ($input: CreateApiKeyInput!) {
  createApiKey(input: $input) { token apiKey { id name scopes createdAt expiresAt lastUsedAt lastUsedFrom } }
}`;
const KEYS = "{ apiKeys { id name scopes lastUsedAt lastUsedFrom } }";

describe.each(dialects)("API keys on %s", (dialect) => {
  let service: TestService;
  let ada: Client;
  beforeAll(async () => {
    service = await startService(dialect);
    ada = await Client.register(service.url);
  });
  afterAll(() => service.stop());

  async function key(input: object, owner = ada) {
    const { createApiKey } = await owner.data(CREATE, { input: { name: "a key", ...input } });
    return { client: new Client(service.url, createApiKey.token), ...createApiKey };
  }

  test("do by every way what their scopes say", async () => {
    const writer = await key({ scopes: ["FILES_WRITE"] });
    const reader = await key({ scopes: ["FILES_READ", "FILES_READ"] });
    expect(reader.token).toMatch(/^stk_/);
    expect(reader.apiKey).toMatchObject({ name: "a key", scopes: ["FILES_READ"], expiresAt: null, lastUsedAt: null });
    const { id } = await writer.client.upload("by-key.txt", Buffer.from("bytes"));
    expect((await reader.client.download(id)).status).toBe(200);
    const refused = await writer.client.download(id);
    expect([refused.status, await refused.json()]).toEqual([
      403,
      expect.objectContaining({ code: "FORBIDDEN", needed: "FILES_READ" }),
    ]);
    const link = "mutation ($id: ID!) { createDownloadLink(fileId: $id) { id } }";
    expect(await writer.client.failure(link, { id })).toMatchObject({ code: "FORBIDDEN", needed: "FILES_READ" });
    const session = "query ($id: ID!) { uploadSession(id: $id) { status file { id } } }";
    const seen = { status: "COMPLETED", file: null };
    expect((await writer.client.data(session, { id })).uploadSession).toEqual(seen);
    expect((await reader.client.data(session, { id })).uploadSession).toEqual({ ...seen, file: { id } });
    const input = { filename: "f", size: 1 };
    const begin = "mutation ($input: BeginUploadInput!) { beginUpload(input: $input) { id } }";
    expect(await reader.client.failure(begin, { input })).toMatchObject({ code: "FORBIDDEN", needed: "FILES_WRITE" });
    const tus = { ...reader.client.authorization, "tus-resumable": "1.0.0", "upload-length": "1" };
    expect((await fetch(`${service.url}/tus`, { method: "POST", headers: tus })).status).toBe(403);
    const resumable = { ...reader.client.authorization, "upload-complete": "?1" };
    const path = `${service.url}/uploads/resumable`;
    expect((await fetch(path, { method: "POST", headers: resumable, body: "x" })).status).toBe(403);
    const upload = await writer.client.begin(input);
    const put = `${service.url}/uploads/${upload.id}/chunks/0`;
    const headers = { ...reader.client.authorization, "content-type": "application/octet-stream" };
    expect((await fetch(put, { method: "PUT", headers, body: "x" })).status).toBe(403);
    expect((await ada.data("{ files { totalCount } }")).files.totalCount).toBe(1);
  });

  test("are listed with their last use, and revoked for good", async () => {
    const { client, apiKey } = await key({ scopes: ["FILES_READ"], name: "to be revoked" });
    await client.data("{ files { totalCount } }");
    const listed = async () => (await ada.data(KEYS)).apiKeys.find(({ id }: { id: string }) => id === apiKey.id);
    await expect.poll(listed).toMatchObject({ lastUsedFrom: "127.0.0.1", lastUsedAt: expect.any(String) });
    for (let time = 0; time < 2; time++) {
      await ada.data("mutation ($id: ID!) { revokeApiKey(id: $id) }", { id: apiKey.id });
    }
    expect(await listed()).toBeUndefined();
    expect(await client.failure("{ files { totalCount } }")).toMatchObject({ code: "UNAUTHENTICATED" });
  });

  test("of others can't be revoked", async () => {
    const eve = await Client.register(service.url);
    const { client, apiKey } = await key({ scopes: ["FILES_READ"] });
    await eve.data("mutation ($id: ID!) { revokeApiKey(id: $id) }", { id: apiKey.id });
    expect((await client.data("{ me { id } }")).me).not.toBeNull();
  });

  test("see to no account: no other keys, sessions or passwords", async () => {
    const { client } = await key({ scopes: ["FILES_READ", "FILES_WRITE"] });
    for (const query of [
      "{ sessions { id } }",
      KEYS,
      "mutation { revokeOtherSessions }",
      "mutation { logout }",
      'mutation { createApiKey(input: { name: "more", scopes: [FILES_READ] }) { token } }',
      'mutation { changePassword(input: { currentPassword: "correct horse", newPassword: "staple battery" }) }',
    ]) {
      expect(await client.failure(query)).toMatchObject({ code: "FORBIDDEN", needed: "SESSION" });
    }
  });

  test("expire when they say", async () => {
    const { client, apiKey } = await key({ scopes: ["FILES_READ"], expiresInSeconds: 4 });
    expect(Date.parse(apiKey.expiresAt) - Date.parse(apiKey.createdAt)).toBe(4_000);
    await expect.poll(async () => (await client.data("{ me { id } }")).me, { timeout: 30_000 }).toBeNull();
  });

  test("of an administrator have ADMIN only where it was given, and as long as their owner is one", async () => {
    const admin = await service.administrator();
    const nodes = "{ storageNodes { name } }";
    const plain = await key({ scopes: ["FILES_READ"] }, admin);
    const full = await key({ scopes: ["ADMIN"] }, admin);
    expect(await plain.client.failure(nodes)).toMatchObject({ code: "FORBIDDEN", needed: "ADMIN" });
    expect((await full.client.data(nodes)).storageNodes).toHaveLength(2);
    const { me } = await admin.data("{ me { id } }");
    await service.database((em) => em.execute("update users set role = 'USER' where id = ?", [me.id], "run"));
    expect(await full.client.failure(nodes)).toMatchObject({ code: "FORBIDDEN", needed: "ADMIN" });
  });

  test.each([
    [
      { name: "", scopes: ["FILES_READ"] },
      { code: "BAD_USER_INPUT", field: "name" },
    ],
    [
      { name: "x".repeat(101), scopes: ["FILES_READ"] },
      { code: "BAD_USER_INPUT", field: "name" },
    ],
    [
      { name: "a\nb", scopes: ["FILES_READ"] },
      { code: "BAD_USER_INPUT", field: "name" },
    ],
    [{ scopes: [] }, { code: "BAD_USER_INPUT", field: "scopes" }],
    [{ scopes: ["ADMIN"] }, { code: "FORBIDDEN", needed: "ADMIN" }],
    [
      { scopes: ["FILES_READ"], expiresInSeconds: 0 },
      { code: "BAD_USER_INPUT", field: "expiresInSeconds" },
    ],
    [
      { scopes: ["FILES_READ"], expiresInSeconds: 315_360_001 },
      { code: "BAD_USER_INPUT", field: "expiresInSeconds" },
    ],
  ])("%j is refused", async (input, failure) => {
    expect(await ada.failure(CREATE, { input: { name: "a key", ...input } })).toMatchObject(failure);
  });

  test("are at most a hundred, however many are asked for at once", async () => {
    const many = await Client.register(service.url);
    const input = { name: "one of many", scopes: ["FILES_READ"] };
    const answers = await Promise.all(Array.from({ length: 110 }, () => many.send(CREATE, { input })));
    expect(answers.filter(({ errors }) => errors === undefined)).toHaveLength(100);
    expect(await many.failure(CREATE, { input })).toMatchObject({ code: "QUOTA_EXCEEDED", limit: 100 });
  });

  test.each(["stk_", "stk_short", `stk_${"A".repeat(43)}`, `stw_${"A".repeat(43)}`, `stk_${"A".repeat(4000)}`])(
    "%s opens nothing",
    async (token) => {
      const stranger = new Client(service.url, token);
      expect(await stranger.failure("{ files { totalCount } }")).toMatchObject({ code: "UNAUTHENTICATED" });
    },
  );
});
