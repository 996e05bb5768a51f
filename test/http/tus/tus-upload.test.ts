import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client, dataOf, failureOf } from "../../support/client.ts";
import { dialects } from "../../support/databases.ts";
import { filesOnNodes } from "../../support/node-folders.ts";
import { startService, type TestService } from "../../support/service.ts";
import { idOf, TusRequests, uploadMetadata } from "../../support/tus-requests.ts";

const CHUNK = 65_536;

const FILE = `query ($id: ID!) { file(id: $id) {
  filename contentType size digest chunkSize totalChunks chunks(first: 1000) { index offset size sha256 }
} }`;
const STORAGE = "{ me { storage { usedBytes reservedBytes } } }";

describe.each(dialects)("tus on %s", (dialect) => {
  let service: TestService;
  let ada: Client;
  let tus: TusRequests;

  beforeAll(async () => {
    service = await startService(dialect, { CHUNK_SIZE: "64KiB", MAX_FILE_SIZE: "10MiB" });
  });
  afterAll(() => service.stop());

  /** A user of its own for each test, so that counters are its own. */
  async function signUp() {
    ada = await Client.register(service.url);
    tus = new TusRequests(ada);
  }
  const storage = async () => (await ada.data(STORAGE)).me.storage;
  const fileOf = async (path: string) => (await ada.data(FILE, { id: idOf(path) })).file;

  /** What is served and told of a file is just these bytes. */
  async function checkFile(path: string, bytes: Buffer) {
    const file = await fileOf(path);
    expect(file).toMatchObject({ size: bytes.length, totalChunks: file.chunks.length });
    const digest = createHash("sha256");
    let end = 0;
    for (const [index, chunk] of file.chunks.entries()) {
      const sha256 = createHash("sha256").update(bytes.subarray(end, end + chunk.size));
      expect(chunk).toEqual({ index, offset: end, size: chunk.size, sha256: sha256.copy().digest("hex") });
      expect(chunk.size).toBeLessThanOrEqual(file.chunkSize);
      digest.update(sha256.digest());
      end += chunk.size;
    }
    expect(end).toBe(bytes.length);
    expect(file.digest).toBe(digest.digest("hex"));
    const whole = Buffer.from(await (await ada.download(idOf(path))).arrayBuffer());
    expect(whole.equals(bytes)).toBe(true);
    if (bytes.length < 2) return;
    const from = Math.floor(bytes.length / 3);
    const range = await ada.download(idOf(path), { range: `bytes=${from}-${bytes.length - 2}` });
    expect(Buffer.from(await range.arrayBuffer()).equals(bytes.subarray(from, -1))).toBe(true);
  }

  test("requests of any size become a file's chunks, and the last byte makes it visible", async () => {
    await signUp();
    const bytes = randomBytes(3 * CHUNK + 1000);
    const metadata = uploadMetadata({ filename: "grüße.txt", filetype: "text/plain" });
    const path = await tus.create({ "upload-length": String(bytes.length), "upload-metadata": metadata });
    let offset = 0;
    for (const size of [1, 10, CHUNK + 3, CHUNK - 1, 0, bytes.length]) {
      expect(await fileOf(path)).toBeNull();
      const answer = await tus.append(path, offset, bytes.subarray(offset, offset + size));
      expect(answer).toMatchObject({ status: 204 });
      offset = Math.min(offset + size, bytes.length);
      expect(answer.headers.get("upload-offset")).toBe(String(offset));
      expect(answer.headers.get("upload-expires") === null).toBe(offset === bytes.length);
    }
    await checkFile(path, bytes);
    expect(await fileOf(path)).toMatchObject({ filename: "grüße.txt", contentType: "text/plain" });
    const page = `query ($id: ID!) { file(id: $id) { chunks(first: 2, from: 3) { index offset } } }`;
    expect((await ada.data(page, { id: idOf(path) })).file.chunks).toEqual([
      { index: 3, offset: CHUNK + 11 },
      { index: 4, offset: CHUNK + 14 },
    ]);
    expect(await storage()).toEqual({ usedBytes: bytes.length, reservedBytes: 0 });
  });

  test("an empty upload is a file at once", async () => {
    await signUp();
    const path = await tus.create({ "upload-length": "0" });
    await checkFile(path, Buffer.alloc(0));
    expect(await fileOf(path)).toMatchObject({ filename: "unnamed", contentType: "application/octet-stream" });
  });

  test("bytes may come with the creation", async () => {
    await signUp();
    const bytes = randomBytes(CHUNK + 5);
    const path = await tus.create({ "upload-length": String(bytes.length) }, bytes.subarray(0, CHUNK + 1));
    expect(await tus.offset(path)).toBe(CHUNK + 1);
    await tus.append(path, CHUNK + 1, bytes.subarray(CHUNK + 1));
    await checkFile(path, bytes);
    await checkFile(await tus.create({ "upload-length": String(bytes.length) }, bytes), bytes);
  });

  test("a creation whose bytes are refused leaves nothing reserved", async () => {
    await signUp();
    const type = { "content-type": "application/offset+octet-stream" };
    const tooMany = await tus.send("POST", "/tus", { ...type, "upload-length": "3" }, Buffer.from("four"));
    expect(tooMany).toMatchObject({ status: 413, body: { code: "FILE_TOO_LARGE" } });
    const wrong = { ...type, "upload-length": "4", "upload-checksum": "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=" };
    expect(await tus.send("POST", "/tus", wrong, Buffer.from("four"))).toMatchObject({ status: 460 });
    expect(await storage()).toEqual({ usedBytes: 0, reservedBytes: 0 });
  });

  test("HEAD tells offset, length and metadata, and is not cached", async () => {
    await signUp();
    const metadata = `${uploadMetadata({ filename: "a" })},is_confidential`;
    const path = await tus.create({ "upload-length": "10", "upload-metadata": metadata });
    await tus.append(path, 0, Buffer.from("abc"));
    const { status, headers } = await tus.send("HEAD", path);
    expect(status).toBe(200);
    expect(Object.fromEntries(headers)).toMatchObject({
      "upload-offset": "3",
      "upload-length": "10",
      "upload-metadata": metadata,
      "cache-control": "no-store",
      "tus-resumable": "1.0.0",
    });
    expect(Date.parse(headers.get("upload-expires") ?? "")).toBeGreaterThan(Date.now());
    expect(headers.has("upload-defer-length") || headers.has("upload-concat")).toBe(false);
  });

  test("another offset is refused with 409, and changes nothing", async () => {
    await signUp();
    const path = await tus.create({ "upload-length": "10" });
    await tus.append(path, 0, Buffer.from("abc"));
    for (const offset of [0, 2, 4, 10]) {
      const answer = await tus.append(path, offset, Buffer.from("d"));
      expect(answer).toMatchObject({ status: 409, body: { code: "OFFSET_MISMATCH", expected: 3, received: offset } });
    }
    expect(await tus.offset(path)).toBe(3);
  });

  test("more bytes than the upload's length are refused, and the end is not kept", async () => {
    await signUp();
    const path = await tus.create({ "upload-length": String(CHUNK + 10) });
    const told = await tus.append(path, 0, Buffer.alloc(CHUNK + 11));
    expect(told).toMatchObject({ status: 413, body: { code: "FILE_TOO_LARGE", limit: CHUNK + 10 } });
    expect(await tus.offset(path)).toBe(0);
    const stream = new Blob([Buffer.alloc(CHUNK + 11)]).stream();
    const untold = await fetch(new URL(path, service.url), {
      method: "PATCH",
      headers: {
        ...ada.authorization,
        "tus-resumable": "1.0.0",
        "upload-offset": "0",
        "content-type": "application/offset+octet-stream",
      },
      body: stream,
      duplex: "half",
    } as RequestInit);
    expect(untold.status).toBe(413);
    expect(await tus.offset(path)).toBe(CHUNK);
    expect(await fileOf(path)).toBeNull();
  });

  test("a length that comes late is kept to, and the quota counts what has come", async () => {
    await signUp();
    const path = await tus.create({ "upload-defer-length": "1" });
    expect(Object.fromEntries((await tus.send("HEAD", path)).headers)).toMatchObject({ "upload-defer-length": "1" });
    const bytes = randomBytes(2 * CHUNK + 7);
    await tus.append(path, 0, bytes.subarray(0, CHUNK + 1));
    expect(await storage()).toEqual({ usedBytes: 0, reservedBytes: CHUNK + 1 });
    const session = `query ($id: ID!) { uploadSession(id: $id) {
      kind size sizeKnown receivedBytes receivedChunks totalChunks missing { first last }
    } }`;
    expect((await ada.data(session, { id: idOf(path) })).uploadSession).toEqual({
      kind: "SEQUENTIAL",
      size: CHUNK + 1,
      sizeKnown: false,
      receivedBytes: CHUNK + 1,
      receivedChunks: 2,
      totalChunks: 2,
      missing: [],
    });
    const tooSmall = await tus.append(path, CHUNK + 1, Buffer.alloc(0), { "upload-length": String(CHUNK) });
    expect(tooSmall).toMatchObject({ status: 400, body: { field: "size" } });
    const tooLarge = await tus.append(path, CHUNK + 1, Buffer.alloc(0), { "upload-length": String(2 ** 40) });
    expect(tooLarge).toMatchObject({ status: 413, body: { code: "FILE_TOO_LARGE" } });
    const length = { "upload-length": String(bytes.length) };
    expect((await tus.append(path, CHUNK + 1, Buffer.alloc(0), length)).status).toBe(204);
    expect(await storage()).toEqual({ usedBytes: 0, reservedBytes: bytes.length });
    expect((await ada.data(session, { id: idOf(path) })).uploadSession).toMatchObject({
      totalChunks: 4,
      missing: [{ first: 2, last: 3 }],
    });
    const other = { "upload-length": String(bytes.length + 1) };
    expect((await tus.append(path, CHUNK + 1, Buffer.alloc(0), other)).status).toBe(400);
    expect((await tus.append(path, CHUNK + 1, bytes.subarray(CHUNK + 1), length)).status).toBe(204);
    await checkFile(path, bytes);
    expect(await storage()).toEqual({ usedBytes: bytes.length, reservedBytes: 0 });
  });

  test("GraphQL sees an upload by tus, completes it when it is whole, and aborts it", async () => {
    await signUp();
    const path = await tus.create({ "upload-length": "6", "upload-metadata": uploadMetadata({ name: "n" }) });
    await tus.append(path, 0, Buffer.from("abc"));
    const sessions = (await ada.data("{ uploadSessions { nodes { id filename kind } } }")).uploadSessions.nodes;
    expect(sessions).toEqual([{ id: idOf(path), filename: "n", kind: "SEQUENTIAL" }]);
    const missing = [{ first: 1, last: 1 }];
    expect(failureOf(await ada.complete(idOf(path)))).toMatchObject({ code: "UPLOAD_INCOMPLETE", missing });
    const chunk = failureOf(await ada.sendChunk(idOf(path), 0, Buffer.from("abcdef")));
    expect(chunk).toMatchObject({ code: "BAD_USER_INPUT", field: "uploadId" });
    await tus.append(path, 3, Buffer.from("def"));
    expect(dataOf(await ada.complete(idOf(path))).completeUpload).toMatchObject({ size: 6 });

    const endless = await tus.create({ "upload-defer-length": "1" });
    await tus.append(endless, 0, Buffer.from("all"));
    expect(dataOf(await ada.complete(idOf(endless))).completeUpload).toMatchObject({ size: 3 });
    expect((await tus.send("HEAD", endless)).headers.get("upload-length")).toBe("3");

    const aborted = await tus.create({ "upload-length": "6" });
    dataOf(await ada.abort(idOf(aborted)));
    expect(await tus.append(aborted, 0, Buffer.from("abc"))).toMatchObject({ status: 410 });
    expect((await tus.send("HEAD", aborted)).status).toBe(410);
    expect(await storage()).toEqual({ usedBytes: 9, reservedBytes: 0 });
  });

  test("an upload by chunks is none of tus, and another user's neither", async () => {
    await signUp();
    const planned = await ada.begin({ filename: "f", size: 10 });
    const path = await tus.create({ "upload-length": "10" });
    const eve = new TusRequests(await Client.register(service.url));
    for (const [requests, at] of [
      [tus, `/tus/${planned.id}`],
      [tus, "/tus/nonsense"],
      [eve, path],
    ] as const) {
      expect((await requests.send("HEAD", at)).status).toBe(404);
      expect(await requests.append(at, 0, Buffer.from("a"))).toMatchObject({
        status: 404,
        body: { code: "NOT_FOUND" },
      });
      expect((await requests.send("DELETE", at)).status).toBe(404);
    }
    expect(await tus.offset(path)).toBe(0);
  });

  test("DELETE frees an open upload and a complete one", async () => {
    await signUp();
    const open = await tus.create({ "upload-length": "10" }, Buffer.from("abc"));
    const complete = await tus.create({ "upload-length": "3" }, Buffer.from("abc"));
    for (const path of [open, complete]) {
      expect((await tus.send("DELETE", path)).status).toBe(204);
      expect([404, 410]).toContain((await tus.send("DELETE", path)).status);
      expect([404, 410]).toContain((await tus.send("HEAD", path)).status);
      expect([404, 410]).toContain((await tus.append(path, 3, Buffer.from("d"))).status);
    }
    expect(await storage()).toEqual({ usedBytes: 0, reservedBytes: 0 });
  });

  test("what quota or size don't allow is refused with 413", async () => {
    await signUp();
    const tooLarge = await tus.send("POST", "/tus", { "upload-length": String(10 * 2 ** 20 + 1) });
    expect(tooLarge).toMatchObject({ status: 413, body: { code: "FILE_TOO_LARGE" } });
    const small = await startService(dialect, { DEFAULT_QUOTA: "100KiB", CHUNK_SIZE: "64KiB", MAX_FILE_SIZE: "10MiB" });
    try {
      const bob = new TusRequests(await Client.register(small.url));
      const exceeded = await bob.send("POST", "/tus", { "upload-length": String(100 * 1024 + 1) });
      expect(exceeded).toMatchObject({ status: 413, body: { code: "QUOTA_EXCEEDED" } });
      // Without a length the quota is met on the way, and what fits stays.
      const path = await bob.create({ "upload-defer-length": "1" });
      const answer = await bob.append(path, 0, Buffer.alloc(3 * CHUNK));
      expect(answer).toMatchObject({ status: 413, body: { code: "QUOTA_EXCEEDED" } });
      expect(await bob.offset(path)).toBe(CHUNK);
      await expect.poll(() => filesOnNodes(small.folder)).toHaveLength(1);
    } finally {
      await small.stop();
    }
  });
});
