import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client, dataOf } from "../../support/client.ts";
import { dialects } from "../../support/databases.ts";
import { ResumableRequests } from "../../support/resumable-requests.ts";
import { startService, type TestService } from "../../support/service.ts";
import { idOf } from "../../support/tus-requests.ts";

const CHUNK = 65_536;
const MAX = 10 * 1024 * 1024;
const PROBLEMS = "https://iana.org/assignments/http-problem-types#";

describe.each(dialects)("resumable uploads on %s", (dialect) => {
  let service: TestService;
  let ada: Client;
  let requests: ResumableRequests;

  beforeAll(async () => {
    service = await startService(dialect, { CHUNK_SIZE: "64KiB", MAX_FILE_SIZE: "10MiB" });
  });
  afterAll(() => service.stop());

  /** A user of its own for each test, so that counters are its own. */
  async function signUp() {
    ada = await Client.register(service.url);
    requests = new ResumableRequests(ada);
  }
  const storage = async () => (await ada.data("{ me { storage { usedBytes reservedBytes } } }")).me.storage;

  async function checkFile(path: string, bytes: Uint8Array) {
    const query = "query ($id: ID!) { file(id: $id) { size filename contentType } }";
    const { file } = await ada.data(query, { id: idOf(path) });
    expect(file.size).toBe(bytes.length);
    const served = Buffer.from(await (await ada.download(idOf(path))).arrayBuffer());
    expect(served.equals(bytes)).toBe(true);
    return file;
  }

  test("a file comes whole in one request", async () => {
    await signUp();
    const bytes = randomBytes(3 * CHUNK + 1000);
    const answer = await requests.post("?1", bytes, {
      "content-disposition": "inline; filename=\"gruesse.txt\"; filename*=UTF-8''gr%C3%BC%C3%9Fe.txt",
      "content-type": "text/plain",
    });
    expect(answer).toMatchObject({ status: 201, body: { status: "COMPLETED", size: bytes.length, totalChunks: 4 } });
    const path = answer.headers.get("location") as string;
    expect(path).toBe(`/uploads/resumable/${answer.body.id}`);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "upload-complete": "?1",
      "upload-offset": String(bytes.length),
      "upload-limit": `max-size=${MAX}`,
    });
    expect(await checkFile(path, bytes)).toMatchObject({ filename: "grüße.txt", contentType: "text/plain" });
    expect(await storage()).toEqual({ usedBytes: bytes.length, reservedBytes: 0 });
  });

  test("a file may be empty and without a name", async () => {
    await signUp();
    const answer = await requests.post("?1");
    expect(answer.status).toBe(201);
    const file = await checkFile(answer.headers.get("location") as string, Buffer.alloc(0));
    expect(file).toMatchObject({ filename: "unnamed", contentType: "application/octet-stream" });
  });

  test.for(['"x.txt"', 'attachment; file name="x.txt"', "=?UTF-8?Q?x?=", "attachment; filename"])(
    "a name that can't be read is refused: %s",
    async (disposition) => {
      await signUp();
      const answer = await requests.post("?1", Buffer.from("x"), { "content-disposition": disposition });
      expect(answer).toMatchObject({ status: 400, body: { code: "BAD_USER_INPUT", field: "content-disposition" } });
    },
  );

  test("a file comes in pieces, its length known from the beginning", async () => {
    await signUp();
    const bytes = randomBytes(2 * CHUNK + 9);
    const length = { "upload-length": String(bytes.length) };
    const begun = await requests.post("?0", bytes.subarray(0, 5), length);
    expect(begun).toMatchObject({ status: 201, body: null });
    expect(Object.fromEntries(begun.headers)).toMatchObject({ "upload-complete": "?0", "upload-offset": "5" });
    const path = begun.headers.get("location") as string;
    expect(await storage()).toEqual({ usedBytes: 0, reservedBytes: bytes.length });
    const rest = await requests.append(path, 5, "?0", bytes.subarray(5));
    expect(rest.status).toBe(204);
    expect(Object.fromEntries(rest.headers)).toMatchObject({
      "upload-complete": "?0",
      "upload-offset": String(bytes.length),
    });

    // All bytes are there, but the client hasn't said that this is all.
    const status = await requests.send("HEAD", path);
    expect(status.headers.get("upload-complete")).toBe("?0");
    const end = await requests.append(path, bytes.length, "?1", Buffer.alloc(0));
    expect(end).toMatchObject({ status: 201, body: { id: idOf(path), status: "COMPLETED", size: bytes.length } });
    expect(end.headers.get("upload-complete")).toBe("?1");
    await checkFile(path, bytes);
  });

  test.for(["with a Content-Length", "chunked"])("a length may be unknown until the end, told %s", async (how) => {
    await signUp();
    const bytes = randomBytes(CHUNK + 77);
    const path = await requests.create();
    expect((await requests.append(path, 0, "?0", bytes.subarray(0, 100))).status).toBe(204);
    expect((await requests.send("HEAD", path)).headers.has("upload-length")).toBe(false);
    const rest = bytes.subarray(100);
    if (how === "chunked") {
      const headers = { "upload-offset": "100", "upload-complete": "?1", "transfer-encoding": "chunked" };
      const request = requests.beginPatch(path, headers, `${rest.length.toString(16)}\r\n`);
      request.send(rest);
      request.send("\r\n0\r\n\r\n");
      expect(await request.status).toBe(201);
      request.reset();
    } else {
      expect((await requests.append(path, 100, "?1", rest)).status).toBe(201);
    }
    await checkFile(path, bytes);
    expect((await requests.send("HEAD", path)).headers.get("upload-length")).toBe(String(bytes.length));
  });

  test("HEAD tells offset, completeness, length and limits, and is not cached", async () => {
    await signUp();
    const path = await requests.create({ "upload-length": "3" });
    await requests.append(path, 0, "?0", Buffer.from("ab"));
    const open = await requests.send("HEAD", path);
    expect(open.status).toBe(204);
    expect(Object.fromEntries(open.headers)).toMatchObject({
      "upload-offset": "2",
      "upload-complete": "?0",
      "upload-length": "3",
      "cache-control": "no-store",
    });
    const [, maxSize, maxAge] = /^max-size=(\d+), max-age=(\d+)$/.exec(open.headers.get("upload-limit") ?? "") ?? [];
    expect(Number(maxSize)).toBe(MAX);
    expect(Number(maxAge)).toBeGreaterThan(0);
    await requests.append(path, 2, "?1", Buffer.from("c"));
    const complete = await requests.send("HEAD", path);
    expect(complete.status).toBe(204);
    expect(Object.fromEntries(complete.headers)).toMatchObject({ "upload-offset": "3", "upload-complete": "?1" });
  });

  test("another offset is refused with 409 and told the right one", async () => {
    await signUp();
    const path = await requests.create();
    await requests.append(path, 0, "?0", Buffer.from("abc"));
    for (const offset of [0, 2, 4]) {
      const answer = await requests.append(path, offset, "?1", Buffer.from("d"));
      expect(answer).toMatchObject({
        status: 409,
        body: {
          type: `${PROBLEMS}mismatching-upload-offset`,
          "expected-offset": 3,
          "provided-offset": offset,
          code: "OFFSET_MISMATCH",
        },
      });
      expect(answer.headers.get("content-type")).toContain("application/problem+json");
      expect(answer.headers.get("upload-offset")).toBe("3");
    }
    expect(await requests.offset(path)).toBe(3);
  });

  test("lengths that contradict each other are refused, and change nothing", async () => {
    await signUp();
    const inconsistent = { status: 400, body: { type: `${PROBLEMS}inconsistent-upload-length` } };
    expect(await requests.post("?1", Buffer.from("abc"), { "upload-length": "4" })).toMatchObject(inconsistent);
    expect(await requests.post("?0", Buffer.from("abc"), { "upload-length": "2" })).toMatchObject(inconsistent);
    const path = await requests.create({ "upload-length": "4" });
    const sent: ["?0" | "?1", string, Record<string, string>][] = [
      ["?0", "abcde", {}],
      ["?1", "abc", {}],
      ["?0", "abc", { "upload-length": "5" }],
    ];
    for (const [complete, text, headers] of sent) {
      expect(await requests.append(path, 0, complete, Buffer.from(text), headers)).toMatchObject(inconsistent);
    }
    expect(await requests.offset(path)).toBe(0);
    expect(await storage()).toEqual({ usedBytes: 0, reservedBytes: 4 });
    expect((await requests.append(path, 0, "?1", Buffer.from("abcd"))).status).toBe(201);
  });

  test("an upload of which more comes than its length is aborted", async () => {
    await signUp();
    const path = await requests.create({ "upload-length": "4" });
    const headers = { "upload-offset": "0", "upload-complete": "?0", "transfer-encoding": "chunked" };
    const request = requests.beginPatch(path, headers, "5\r\nabcde\r\n0\r\n\r\n");
    expect(await request.status).toBe(400);
    expect(request.received()).toContain("inconsistent-upload-length");
    request.reset();
    expect((await requests.send("HEAD", path)).status).toBe(410);
    expect(await storage()).toEqual({ usedBytes: 0, reservedBytes: 0 });
  });

  test("a complete upload takes nothing more", async () => {
    await signUp();
    const path = (await requests.post("?1", Buffer.from("abc"))).headers.get("location") as string;
    expect(await requests.append(path, 3, "?1", Buffer.alloc(0))).toMatchObject({
      status: 400,
      body: { type: `${PROBLEMS}completed-upload` },
    });
    expect(await requests.append(path, 3, "?1", Buffer.from("d"))).toMatchObject({
      status: 400,
      body: { type: `${PROBLEMS}inconsistent-upload-length` },
    });
    expect(await requests.send("DELETE", path)).toMatchObject({
      status: 400,
      body: { type: `${PROBLEMS}completed-upload` },
    });
    await checkFile(path, Buffer.from("abc"));
  });

  test("a cancelled upload is gone, and what it reserved is free", async () => {
    await signUp();
    const path = await requests.create({ "upload-length": "10" });
    expect((await requests.send("DELETE", path)).status).toBe(204);
    expect(await storage()).toEqual({ usedBytes: 0, reservedBytes: 0 });
    expect((await requests.send("HEAD", path)).status).toBe(410);
    expect((await requests.send("DELETE", path)).status).toBe(410);
    expect(await requests.append(path, 0, "?0", Buffer.from("a"))).toMatchObject({
      status: 410,
      body: { code: "UPLOAD_CLOSED", status: "ABORTED" },
    });
  });

  test("GraphQL sees, completes and aborts it", async () => {
    await signUp();
    const path = await requests.create();
    await requests.append(path, 0, "?0", Buffer.from("abc"));
    const query = "query ($id: ID!) { uploadSession(id: $id) { kind sizeKnown receivedBytes status } }";
    expect((await ada.data(query, { id: idOf(path) })).uploadSession).toEqual({
      kind: "SEQUENTIAL",
      sizeKnown: false,
      receivedBytes: 3,
      status: "OPEN",
    });
    expect(dataOf(await ada.complete(idOf(path))).completeUpload).toMatchObject({ size: 3 });
    expect((await requests.send("HEAD", path)).headers.get("upload-complete")).toBe("?1");
    const other = await requests.create();
    await ada.abort(idOf(other));
    expect((await requests.send("HEAD", other)).status).toBe(410);
  });

  test("what is too large is refused with the limit", async () => {
    await signUp();
    const answer = await requests.post("?0", undefined, { "upload-length": String(MAX + 1) });
    expect(answer).toMatchObject({ status: 413, body: { code: "FILE_TOO_LARGE" } });
    expect(answer.headers.get("upload-limit")).toBe(`max-size=${MAX}`);
    const limits = await requests.send("OPTIONS", "/uploads/resumable");
    expect(limits.status).toBe(204);
    expect(limits.headers.get("accept-patch")).toBe("application/partial-upload");
    expect(limits.headers.get("upload-limit")).toBe(`max-size=${MAX}`);
  });

  test("requests that lack something are refused", async () => {
    await signUp();
    const path = await requests.create();
    const anonymous = new ResumableRequests(new Client(service.url));
    expect(await anonymous.post("?1", Buffer.from("a"))).toMatchObject({ status: 401 });
    expect(await requests.send("POST", "/uploads/resumable", {}, Buffer.from("a"))).toMatchObject({
      status: 400,
      body: { field: "upload-complete" },
    });
    expect(await requests.post("?1", Buffer.from("a"), { "content-encoding": "gzip" })).toMatchObject({ status: 415 });
    const wrongType = await requests.append(path, 0, "?0", Buffer.from("a"), { "content-type": "text/plain" });
    expect(wrongType.status).toBe(415);
    expect(wrongType.headers.get("accept-patch")).toBe("application/partial-upload");
    const noOffset = await requests.append(path, 0, "?0", Buffer.from("a"), { "upload-offset": "none" });
    expect(noOffset).toMatchObject({ status: 400, body: { field: "upload-offset" } });
    const other = new ResumableRequests(await Client.register(service.url));
    expect((await other.send("HEAD", path)).status).toBe(404);
    expect(await requests.offset(path)).toBe(0);
  });
});
