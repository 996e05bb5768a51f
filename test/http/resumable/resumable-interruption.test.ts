import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client } from "../../support/client.ts";
import { dialects } from "../../support/databases.ts";
import { INTEROP, ResumableRequests } from "../../support/resumable-requests.ts";
import { startService, type TestService } from "../../support/service.ts";
import { idOf } from "../../support/tus-requests.ts";

const CHUNK = 65_536;
/** Bytes that may wait in the server's slab for more to come. */
const SLAB = 4 * CHUNK;
/** Who asks for an offset is kept waiting while bytes come. */
const PATIENT = { timeout: 60_000 };

describe.each(dialects)("interrupted resumable uploads on %s", (dialect) => {
  let service: TestService;
  let requests: ResumableRequests;
  const bytes = randomBytes(12 * CHUNK + 9);
  const whole = { "upload-complete": "?1", "content-length": String(bytes.length) };

  beforeAll(async () => {
    service = await startService(dialect, { CHUNK_SIZE: "64KiB", MAX_FILE_SIZE: "10MiB" });
  });
  afterAll(() => service.stop());

  /** A user of its own for each test, so that its uploads are its own. */
  async function signUp() {
    requests = new ResumableRequests(await Client.register(service.url));
  }
  const openUploads = async () =>
    (await requests.client.data("{ uploadSessions { totalCount } }")).uploadSessions.totalCount;
  const interims = (received: string) =>
    received.split("\r\n\r\n").filter((head) => head.startsWith("HTTP/1.1 104 Upload Resumption Supported\r\n"));

  test("a creation that is cut goes on at the URL that the interim response told", async () => {
    await signUp();
    const sent = 3 * CHUNK + 5;
    const request = requests.beginPost({ ...INTEROP, ...whole }, bytes.subarray(0, sent));
    await expect.poll(() => interims(request.received()).length, PATIENT).toBeGreaterThan(0);
    const announced = interims(request.received())[0] as string;
    expect(announced).toMatch(/\r\nupload-limit: max-size=\d+, max-age=\d+\r\n/);
    expect(announced).toContain("\r\nupload-draft-interop-version: 8");
    const path = /\r\nlocation: (\S+)/.exec(announced)?.[1] as string;
    request.end();
    await request.closed;

    await expect.poll(() => requests.offset(path), PATIENT).toBe(sent);
    const { headers } = await requests.send("HEAD", path);
    expect(headers.get("upload-complete")).toBe("?0");
    // Upload-Complete and Content-Length together told it.
    expect(headers.get("upload-length")).toBe(String(bytes.length));
    expect((await requests.append(path, sent, "?1", bytes.subarray(sent))).status).toBe(201);
    const file = Buffer.from(await (await requests.client.download(idOf(path))).arrayBuffer());
    expect(file.equals(bytes)).toBe(true);
  });

  test.for(["end", "reset"] as const)("an append whose connection meets its %s goes on where it was", async (how) => {
    await signUp();
    const path = await requests.create();
    const headers = { "upload-offset": "0", "upload-complete": "?1", "transfer-encoding": "chunked" };
    const sent = CHUNK + SLAB;
    const request = requests.beginPatch(path, headers, `${bytes.length.toString(16)}\r\n`);
    request.send(bytes.subarray(0, sent));
    await expect.poll(() => requests.offset(path), PATIENT).toBeGreaterThanOrEqual(CHUNK);
    request[how]();
    await request.closed;
    // Once the request is over, the upload stands where it was left, and isn't complete.
    if (how === "end") await expect.poll(() => requests.offset(path), PATIENT).toBe(sent);
    const goOn = async () => {
      const offset = await requests.offset(path);
      return (await requests.append(path, offset, "?1", bytes.subarray(offset))).status;
    };
    await expect.poll(goOn, PATIENT).toBe(201);
    const file = Buffer.from(await (await requests.client.download(idOf(path))).arrayBuffer());
    expect(file.equals(bytes)).toBe(true);
  });

  test("interim responses tell how far an append is kept", async () => {
    await signUp();
    const path = await requests.create();
    const headers = {
      ...INTEROP,
      "upload-offset": "0",
      "upload-complete": "?1",
      "content-length": String(bytes.length),
    };
    const request = requests.beginPatch(path, headers, bytes.subarray(0, -1));
    const offsets = () =>
      interims(request.received()).map((head) => Number(/\r\nupload-offset: (\d+)/.exec(head)?.[1]));
    await expect.poll(() => offsets().at(-1), PATIENT).toBeGreaterThanOrEqual(11 * CHUNK - SLAB);
    expect(request.received()).not.toMatch(/^location:/im);
    request.send(bytes.subarray(-1));
    expect(await request.status).toBe(201);
    request.reset();
    expect(offsets()).toEqual(offsets().toSorted((a, b) => a - b));
  });

  test.for([
    ["of no iteration of the draft", {}, "1.1"],
    ["of another one", { "upload-draft-interop-version": "6" }, "1.1"],
    ["of HTTP/1.0", INTEROP, "1.0"],
  ] as const)("a client %s is sent no interim response, and its cut creation leaves nothing", async (row) => {
    const [, headers, version] = row;
    await signUp();
    const cut = requests.beginPost({ ...headers, ...whole }, bytes.subarray(0, 2 * CHUNK), version);
    await expect.poll(openUploads, PATIENT).toBe(1);
    cut.end();
    await expect.poll(openUploads, PATIENT).toBe(0);
    expect(interims(cut.received())).toEqual([]);
    cut.reset();

    const request = requests.beginPost({ ...headers, ...whole }, bytes, version);
    expect(await request.status).toBe(201);
    expect(interims(request.received())).toEqual([]);
    request.reset();
  });

  test("of two requests at the same offset one wins, and no byte of the other stays", async () => {
    await signUp();
    const path = await requests.create();
    const headers = { "upload-offset": "0", "upload-complete": "?1", "content-length": String(bytes.length) };
    const rivals = [0, 1].map(() => requests.beginPatch(path, headers, bytes.subarray(0, 5)));
    for (const rival of rivals) rival.send(bytes.subarray(5));
    const statuses = await Promise.all(rivals.map((rival) => rival.status));
    // 400 is for who is so late that the upload is complete.
    expect(statuses).toContain(201);
    expect([400, 409]).toContain(statuses.find((status) => status !== 201));
    for (const rival of rivals) rival.reset();
    const file = Buffer.from(await (await requests.client.download(idOf(path))).arrayBuffer());
    expect(file.equals(bytes)).toBe(true);
  });
});
