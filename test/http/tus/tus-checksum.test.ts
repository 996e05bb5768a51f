import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client } from "../../support/client.ts";
import { dialects } from "../../support/databases.ts";
import { filesOnNodes } from "../../support/node-folders.ts";
import { startService, type TestService } from "../../support/service.ts";
import { idOf, TusRequests, uploadChecksum } from "../../support/tus-requests.ts";

const CHUNK = 65_536;

describe.each(dialects)("Upload-Checksum on %s", (dialect) => {
  let service: TestService;
  let tus: TusRequests;
  const bytes = randomBytes(3 * CHUNK + 9);

  beforeAll(async () => {
    service = await startService(dialect, { CHUNK_SIZE: "64KiB", MAX_FILE_SIZE: "10MiB" });
    tus = new TusRequests(await Client.register(service.url));
  });
  afterAll(() => service.stop());

  const begin = () => tus.create({ "upload-length": String(bytes.length) });

  test.for(["sha1", "sha256", "sha512", "md5"])("%s: what it holds for is kept", async (algorithm) => {
    const path = await begin();
    const first = bytes.subarray(0, 2 * CHUNK + 1);
    const rest = bytes.subarray(2 * CHUNK + 1);
    const answer = await tus.append(path, 0, first, { "upload-checksum": uploadChecksum(algorithm, first) });
    expect([answer.status, answer.headers.get("upload-offset")]).toEqual([204, String(first.length)]);
    await tus.append(path, first.length, rest, { "upload-checksum": uploadChecksum(algorithm, rest) });
    const file = Buffer.from(await (await tus.client.download(idOf(path))).arrayBuffer());
    expect(file.equals(bytes)).toBe(true);
  });

  test("crc32 is taken as four bytes, big-endian", async () => {
    const digest = Buffer.alloc(4);
    digest.writeUInt32BE(crc32(bytes));
    const checksum = { "upload-checksum": `crc32 ${digest.toString("base64")}` };
    expect((await tus.append(await begin(), 0, bytes, checksum)).status).toBe(204);
  });

  test("where it doesn't hold, nothing of the request counts, and nothing stays on the nodes", async () => {
    const path = await begin();
    const before = await filesOnNodes(service.folder);
    const checksum = { "upload-checksum": uploadChecksum("sha1", bytes) };
    const wrong = Buffer.from(bytes);
    wrong[0] = (wrong[0] ?? 0) ^ 1;
    const answer = await tus.append(path, 0, wrong, checksum);
    expect(answer).toMatchObject({ status: 460, body: { code: "CHUNK_DIGEST_MISMATCH" } });
    expect(await tus.offset(path)).toBe(0);
    expect(await filesOnNodes(service.folder)).toEqual(before);
    expect((await tus.append(path, 0, bytes, checksum)).status).toBe(204);
  });

  test("of a request with a checksum that breaks off, nothing counts", async () => {
    const path = await begin();
    const before = await filesOnNodes(service.folder);
    const headers = { "Upload-Checksum": uploadChecksum("sha1", bytes) };
    const request = tus.begin(path, 0, bytes.length, bytes.subarray(0, 2 * CHUNK), headers);
    await expect.poll(async () => (await filesOnNodes(service.folder)).length).toBeGreaterThan(before.length);
    request.end();
    await request.closed;
    await expect.poll(() => filesOnNodes(service.folder)).toEqual(before);
    expect(await tus.offset(path)).toBe(0);
  });

  test.for(["sha1", "sha3 YQ==", "SHA1 YQ==", "sha1 %", "sha1  "])("%s is refused with 400", async (checksum) => {
    const path = await begin();
    const answer = await tus.append(path, 0, bytes, { "upload-checksum": checksum });
    expect(answer).toMatchObject({ status: 400, body: { field: "upload-checksum" } });
    expect(await tus.offset(path)).toBe(0);
  });
});
