import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client, fileDigest, sha256 } from "../../support/client.ts";
import { dialects } from "../../support/databases.ts";
import { startService, type TestService } from "../../support/service.ts";

const CHUNK = 65_536;

function contentDigest(bytes: Uint8Array): string {
  return `sha-256=:${Buffer.from(sha256(bytes), "hex").toString("base64")}:`;
}

describe.each(dialects)("PUT /uploads/:id/chunks/:index on %s", (dialect) => {
  let service: TestService;
  let ada: Client;
  const bytes = Buffer.alloc(2 * CHUNK + 5, "some bytes ");
  const part = (index: number) => bytes.subarray(index * CHUNK, (index + 1) * CHUNK);

  beforeAll(async () => {
    service = await startService(dialect);
    ada = await Client.register(service.url);
  });
  afterAll(() => service.stop());

  const begin = async () => (await ada.begin({ filename: "a.bin", size: bytes.length, chunkSize: CHUNK })).id as string;

  async function put(id: string, index: number | string, body: Uint8Array, headers: Record<string, string> = {}) {
    const response = await fetch(`${service.url}/uploads/${id}/chunks/${index}`, {
      method: "PUT",
      headers: { ...ada.authorization, ...headers },
      body: body as Uint8Array<ArrayBuffer>,
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  test("stores a file's chunks in any order, and tells the progress", async () => {
    const id = await begin();
    expect(await put(id, 2, part(2))).toMatchObject({ status: 200, body: { receivedChunks: 1, receivedBytes: 5 } });
    expect((await put(id, 0, part(0), { "content-digest": contentDigest(part(0)) })).status).toBe(200);
    const last = await put(id, 1, part(1), { "content-type": "video/mp4" });
    expect(last.body).toMatchObject({
      id,
      status: "OPEN",
      totalChunks: 3,
      receivedChunks: 3,
      receivedBytes: bytes.length,
    });
    const file = (await ada.complete(id, fileDigest(bytes, CHUNK))).data.completeUpload;
    expect(Buffer.from(await (await ada.download(file.id)).arrayBuffer())).toEqual(bytes);
  });

  test("the same bytes again change nothing, other bytes are refused", async () => {
    const id = await begin();
    await put(id, 0, part(0));
    expect((await put(id, 0, part(0))).body["receivedChunks"]).toBe(1);
    expect((await put(id, 0, part(0), { "content-digest": contentDigest(part(0)) })).body["receivedChunks"]).toBe(1);
    expect(await put(id, 0, Buffer.alloc(CHUNK))).toMatchObject({ status: 409, body: { code: "CHUNK_CONFLICT" } });
  });

  test("a wrong size is refused before the body is read, with the facts", async () => {
    const facts = { code: "CHUNK_SIZE_MISMATCH", expected: CHUNK, received: 7 };
    expect(await put(await begin(), 0, Buffer.alloc(7))).toMatchObject({ status: 400, body: facts });
  });

  test("a wrong Content-Digest is refused, an unknown algorithm passed over", async () => {
    const id = await begin();
    const wrong = await put(id, 0, part(0), { "content-digest": contentDigest(Buffer.alloc(1)) });
    expect(wrong).toMatchObject({ status: 400, body: { code: "CHUNK_DIGEST_MISMATCH" } });
    const malformed = await put(id, 0, part(0), { "content-digest": "sha-256=abc" });
    expect(malformed).toMatchObject({ status: 400, body: { code: "BAD_USER_INPUT", field: "content-digest" } });
    expect((await put(id, 0, part(0), { "content-digest": "md5=:AAAA:" })).status).toBe(200);
  });

  test("a body without Content-Length is taken, and refused where it isn't of the chunk's size", async () => {
    const id = await begin();
    const status = (bytes: Buffer) =>
      new Promise<number | undefined>((resolve, reject) => {
        const url = `${service.url}/uploads/${id}/chunks/0`;
        const sent = request(url, { method: "PUT", headers: ada.authorization }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        sent.on("error", reject).write(bytes);
        sent.end();
      });
    expect(await status(part(0).subarray(1))).toBe(400);
    expect(await status(Buffer.concat([part(0), Buffer.from("more")]))).toBe(400);
    expect(await status(part(0))).toBe(200);
  });

  test("without a token, with a bad index or another's upload nothing is stored", async () => {
    const id = await begin();
    expect(await put(id, 0, part(0), { authorization: "" })).toMatchObject({ status: 401 });
    expect(await put(id, 0, part(0), { authorization: "Bearer nonsense" })).toMatchObject({
      status: 401,
      body: { message: expect.stringContaining("not valid") },
    });
    for (const index of ["3", "-1", "x", "1e3"]) {
      expect(await put(id, index, part(0))).toMatchObject({ status: 400, body: { field: "index" } });
    }
    const eve = await Client.register(service.url);
    expect(await put(id, 0, part(0), eve.authorization)).toMatchObject({ status: 404 });
    expect((await ada.session(id)).receivedChunks).toBe(0);
  });
});
