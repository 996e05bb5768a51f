import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client, dataOf, sha256 } from "../support/client.ts";
import { dialects } from "../support/databases.ts";
import { startService, type TestService } from "../support/service.ts";

const CREATE = `mutation ($fileId: ID!, $expiresInSeconds: Int! = 3600) {
  createDownloadLink(fileId: $fileId, expiresInSeconds: $expiresInSeconds) { id url expiresAt }
}`;
const REVOKE = "mutation ($id: ID!) { revokeDownloadLink(id: $id) }";
const YEAR = 31_536_000;

describe.each(dialects)("download links on %s", (dialect) => {
  let service: TestService;
  let ada: Client;
  let fileId: string;
  const bytes = randomBytes(100_000);

  beforeAll(async () => {
    service = await startService(dialect);
    ada = await Client.register(service.url);
    fileId = (await ada.upload("a.bin", bytes)).id;
  });
  afterAll(() => service.stop());

  const create = async (variables: object = {}) =>
    (await ada.data(CREATE, { fileId, ...variables })).createDownloadLink;
  const secretOf = (url: string) => new URL(url, service.url).searchParams.get("secret") as string;

  /** The status, with no token; the body is checked to be the file's or an error's. */
  async function open(url: string, headers: Record<string, string> = {}): Promise<number> {
    const response = await fetch(new URL(url, service.url), { headers });
    const body = Buffer.from(await response.arrayBuffer());
    if (response.status === 200) expect(sha256(body)).toBe(sha256(bytes));
    else expect(JSON.parse(body.toString())).toMatchObject({ code: expect.any(String), requestId: expect.any(String) });
    return response.status;
  }

  test("opens the file with no token", async () => {
    const link = await create();
    expect(link.url).toMatch(new RegExp(`^/files/download/${fileId}\\?secret=[\\w-]{43}$`));
    expect(Math.abs(Date.parse(link.expiresAt) - Date.now() - 3_600_000)).toBeLessThan(30_000);
    expect(await open(link.url)).toBe(200);
    expect(await open(link.url, { authorization: "Bearer nonsense" })).toBe(200);
    const stranger = await Client.register(service.url);
    expect(await open(link.url, stranger.authorization)).toBe(200);
  });

  test("opens no other file, nor does a wrong secret", async () => {
    const link = await create();
    const secret = secretOf(link.url);
    const other = await ada.upload("b.bin", randomBytes(10));
    const { createDownloadLink: otherLink } = await ada.data(CREATE, { fileId: other.id });
    const path = `/files/download/${fileId}`;
    for (const wrong of [
      "",
      "x",
      secret.slice(1),
      `${secret}A`,
      secret.toUpperCase(),
      link.id,
      secretOf(otherLink.url),
    ]) {
      expect(await open(`${path}?secret=${wrong}`), wrong).toBe(404);
    }
    expect(await open(`/files/download/${other.id}?secret=${secret}`)).toBe(404);
    expect(await open(path)).toBe(401);
    expect(await open(`${path}?secret=${secret}&secret=${secret}`)).toBe(400);
    expect(await open(`${path}?secret=wrong`, ada.authorization)).toBe(200);
  });

  test("ends when it expires", async () => {
    const [short, long] = [await create({ expiresInSeconds: 1 }), await create({ expiresInSeconds: YEAR })];
    expect(await open(short.url)).toBe(200);
    await sleep(1_050);
    expect(await open(short.url)).toBe(404);
    expect(await open(long.url)).toBe(200);
  });

  test("ends when it is revoked, and no other with it; revoking may be repeated", async () => {
    const [link, other] = [await create(), await create()];
    for (let time = 0; time < 3; time++) {
      expect(await ada.data(REVOKE, { id: link.id })).toEqual({ revokeDownloadLink: true });
      expect(await open(link.url)).toBe(404);
    }
    expect(await open(other.url)).toBe(200);
  });

  test("ends with its file", async () => {
    const file = await ada.upload("c.bin", bytes);
    const { createDownloadLink: link } = await ada.data(CREATE, { fileId: file.id });
    expect(await open(link.url)).toBe(200);
    dataOf(await ada.deleteFile(file.id));
    expect(await open(link.url)).toBe(404);
    expect(await ada.data(REVOKE, { id: link.id })).toEqual({ revokeDownloadLink: true });
  });

  test.each([0, -1, YEAR + 1, 2 ** 31 - 1])("can't last %d seconds", async (expiresInSeconds) => {
    const failure = await ada.failure(CREATE, { fileId, expiresInSeconds });
    expect(failure).toMatchObject({ code: "BAD_USER_INPUT", field: "expiresInSeconds" });
  });

  test("is for complete files of one's own", async () => {
    const { id: unfinished } = await ada.begin({ filename: "d.bin", size: 1 });
    const stranger = await Client.register(service.url);
    const link = await create();
    expect((await ada.failure(CREATE, { fileId: unfinished })).code).toBe("NOT_FOUND");
    expect((await stranger.failure(CREATE, { fileId })).code).toBe("NOT_FOUND");
    expect((await stranger.failure(REVOKE, { id: link.id })).code).toBe("NOT_FOUND");
    for (const id of ["nonsense", fileId]) expect((await ada.failure(REVOKE, { id })).code).toBe("NOT_FOUND");
    expect(await open(link.url)).toBe(200);
  });

  test("the log never has a secret", async () => {
    const { url } = await create();
    await open(url);
    await open(`/files/download/${fileId}?secret=wrong-secret`);
    const text = JSON.stringify(service.log);
    for (const secret of [secretOf(url), "wrong-secret"]) expect(text).not.toContain(secret);
    expect(text).not.toContain(ada.token);
  });
});
