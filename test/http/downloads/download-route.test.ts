import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { parse as parseDisposition } from "content-disposition";
import Fastify, { type FastifyInstance } from "fastify";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { ApiError, DataUnavailableError, NotFoundError, UnauthenticatedError } from "../../../src/errors.ts";
import type { DownloadableFile } from "../../../src/files/download-service.ts";
import { type Downloads, registerDownloadRoute } from "../../../src/http/downloads/download-route.ts";
import type { ByteRange } from "../../../src/storage/storage-node.ts";

const STEP = 64 * 1024;
const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const STATUS: Record<string, number> = {
  UNAUTHENTICATED: 401,
  NOT_FOUND: 404,
  BAD_USER_INPUT: 400,
  DATA_UNAVAILABLE: 503,
};

/** Gives its bytes in one buffer that it uses again and again, as a storage node may. */
class FakeDownloads implements Downloads {
  file: DownloadableFile;
  fill: (target: Buffer, offset: number) => void;
  /** The first byte that can't be had. */
  brokenFrom = Number.POSITIVE_INFINITY;
  failure: Error = new DataUnavailableError();
  /** Bytes after which the source ends, or goes on, as it shouldn't. */
  lengthError = 0;
  stallAt = Number.POSITIVE_INFINITY;
  access: unknown;
  reads: ByteRange[] = [];
  pulled = 0;
  closed = 0;
  signals: AbortSignal[] = [];

  constructor(size: number, fill: (target: Buffer, offset: number) => void, digest: string) {
    const completedAt = new Date("2026-11-22T10:20:30.999Z");
    this.file = { id: "f1", filename: "a.bin", contentType: "video/mp4", size, digest, completedAt };
    this.fill = fill;
  }

  static of(bytes: Buffer): FakeDownloads {
    const digest = createHash("sha256").update(bytes).digest("hex");
    return new FakeDownloads(bytes.length, (target, offset) => bytes.copy(target, 0, offset), digest);
  }

  async find(id: string, access: { token: string | undefined; secret: string | undefined }) {
    this.access = access;
    if (access.token !== "token" && access.secret !== "secret") throw new UnauthenticatedError();
    if (id !== this.file.id) throw new NotFoundError("file");
    return this.file;
  }

  async *read(file: DownloadableFile, range: ByteRange, signal: AbortSignal) {
    expect(file).toBe(this.file);
    expect(range.start).toBeLessThan(range.end);
    this.reads.push(range);
    this.signals.push(signal);
    const shared = Buffer.alloc(STEP);
    try {
      const end = range.end + this.lengthError;
      for (let offset = range.start; offset < end; ) {
        await new Promise(setImmediate);
        if (offset >= this.brokenFrom) throw this.failure;
        if (offset >= this.stallAt) await sleep(30_000, undefined, { signal });
        const buffer = shared.subarray(0, Math.min(STEP, end - offset, this.brokenFrom - offset));
        this.fill(buffer, offset);
        this.pulled += buffer.length;
        offset += buffer.length;
        yield buffer;
        shared.fill(0xee);
      }
    } finally {
      this.closed++;
    }
  }
}

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

let app: FastifyInstance;
let port: number;
let downloads: FakeDownloads;
let logged: Record<string, unknown>[];
let responses: number[];
const bytes = randomBytes(300_000);

async function serve(fake: FakeDownloads): Promise<void> {
  await app?.close();
  downloads = fake;
  logged = [];
  responses = [];
  const stream = { write: (line: string) => logged.push(JSON.parse(line)) };
  app = Fastify({ logger: { level: "info", stream } });
  app.addHook("onRequest", async (_, reply) => {
    reply.header("X-From-Hook", "yes");
  });
  app.addHook("onResponse", async (_, reply) => {
    responses.push(reply.statusCode);
  });
  app.setErrorHandler((error, _, reply) => {
    if (!(error instanceof ApiError)) return reply.code(500).send({ code: "INTERNAL_SERVER_ERROR" });
    return reply.code(STATUS[error.code] ?? 500).send({ code: error.code, message: error.message, ...error.facts });
  });
  registerDownloadRoute(app, fake);
  await app.listen({ host: "127.0.0.1", port: 0 });
  port = (app.server.address() as AddressInfo).port;
}

function open(headers: Record<string, string> = {}, path = "/files/download/f1", method = "GET") {
  return new Promise<IncomingMessage>((resolve, reject) => {
    const all = { authorization: "Bearer token", ...headers };
    httpRequest({ host: "127.0.0.1", port, path, method, headers: all, agent: false }, resolve)
      .on("error", reject)
      .end();
  });
}

/** Rejects where the connection is cut before Content-Length bytes came. */
async function get(headers?: Record<string, string>, path?: string, method?: string): Promise<Answer> {
  const message = await open(headers, path, method);
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk);
  return { status: message.statusCode ?? 0, headers: message.headers, body: Buffer.concat(chunks) };
}

const head = (headers?: Record<string, string>, path?: string) => get(headers, path, "HEAD");
const json = (answer: Answer) => JSON.parse(answer.body.toString());
const errors = () => logged.filter((line) => line["level"] === 50);

function rawGet(extra = ""): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.write(`GET /files/download/f1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer token\r\n${extra}\r\n`);
  return socket;
}

/** Bytes; more than the kernel holds for both ends, whose buffers grow while a line is fast. */
const KERNEL_BUFFERS = 128 * MIB;

/**
 * Reads nothing until it is told to, then rests now and then and says how far it is. In a process of its own, because
 * its buffers would be counted with the server's.
 */
const SLOW_CLIENT = `
  const headers = { authorization: "Bearer token" };
  require("http").get({ port: process.argv[1], host: "127.0.0.1", path: "/files/download/f1", headers }, async (answer) => {
    await new Promise((resolve) => process.stdin.once("data", resolve));
    let received = 0;
    let rests = 0;
    for await (const chunk of answer) {
      for (let i = 0; i < chunk.length; i += 4096) {
        if (chunk[i] !== Math.floor((received + i) / ${STEP}) % 251) throw new Error("wrong byte at " + (received + i));
      }
      received += chunk.length;
      if (received / ${GIB / 8} < rests + 1) continue;
      rests++;
      console.log(received);
      await new Promise((resolve) => process.stdin.once("data", resolve));
    }
    process.exit();
  });
`;

/** After a collection. */
function retainedBytes(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Waits until the source isn't asked any more. */
async function untilQuiet(): Promise<void> {
  for (let before = -1; before !== downloads.pulled || before === 0; ) {
    before = downloads.pulled;
    await sleep(150);
  }
}

beforeEach(() => serve(FakeDownloads.of(bytes)));
afterEach(() => app.close());

describe("a whole file", () => {
  test("GET answers with every byte and every header", async () => {
    const { status, headers, body } = await get();
    expect(status).toBe(200);
    expect(body.equals(bytes)).toBe(true);
    expect(headers).toMatchObject({
      etag: `"${downloads.file.digest}"`,
      "last-modified": "Sun, 22 Nov 2026 10:20:30 GMT",
      "accept-ranges": "bytes",
      "content-length": "300000",
      "content-type": "video/mp4",
      "content-disposition": "attachment; filename=a.bin",
      "x-content-type-options": "nosniff",
      "cache-control": "private, no-cache",
      "referrer-policy": "no-referrer",
      "x-from-hook": "yes",
    });
    expect(headers["content-security-policy"]).toMatch(/^sandbox; default-src 'none';/);
    expect(headers["content-security-policy"]).not.toContain("allow-");
    expect(headers["transfer-encoding"]).toBeUndefined();
    expect(headers["content-range"]).toBeUndefined();
    await vi.waitFor(() => expect(responses).toEqual([200]));
    expect(downloads.closed).toBe(1);
    expect(logged.filter((line) => line["msg"] === "request completed")).toHaveLength(1);
  });

  test("HEAD has GET's headers, no body, and reads nothing", async () => {
    const whole = await get();
    downloads.reads = [];
    const { status, headers, body } = await head({ range: "bytes=0-0" });
    expect(status).toBe(200);
    expect(body).toHaveLength(0);
    expect({ ...headers, date: "" }).toEqual({ ...whole.headers, date: "" });
    expect(downloads.reads).toEqual([]);
  });

  test("an empty one is an empty 200, without a read", async () => {
    await serve(FakeDownloads.of(Buffer.alloc(0)));
    for (const method of ["GET", "HEAD"]) {
      const { status, headers, body } = await get({}, undefined, method);
      expect([status, headers["content-length"], body.length]).toEqual([200, "0", 0]);
      expect(headers["content-type"]).toBe("video/mp4");
    }
    expect(downloads.reads).toEqual([]);
    expect((await get({ range: "bytes=0-" })).status).toBe(200);
  });

  test("a connection serves one after another", async () => {
    const socket = rawGet("Range: bytes=0-99999\r\n");
    socket.write("GET /files/download/f1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer token\r\nRange: bytes=-4\r\n");
    socket.write("Connection: close\r\n\r\n");
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk);
    const received = Buffer.concat(chunks);
    expect(received.includes(bytes.subarray(0, 100_000))).toBe(true);
    expect(received.subarray(-8)).toEqual(Buffer.concat([Buffer.from("\r\n\r\n"), bytes.subarray(-4)]));
  });

  test("a type that no header can carry goes out as plain bytes", async () => {
    downloads.file.contentType = "text/html\r\nX-Evil: 1";
    const { headers, body } = await get();
    expect(headers["content-type"]).toBe("application/octet-stream");
    expect(headers["x-evil"]).toBeUndefined();
    expect(body.equals(bytes)).toBe(true);
  });

  test.each(["text/plain", "application/json", "text/html; charset=Shift_JIS", ""])(
    "type %j as stored",
    async (type) => {
      downloads.file.contentType = type;
      expect((await get()).headers["content-type"]).toBe(type);
      expect((await head()).headers["content-type"]).toBe(type);
    },
  );
});

describe("who may read", () => {
  test.each([
    ["Bearer token", undefined, { token: "token", secret: undefined }],
    ["bearer   token", undefined, { token: "token", secret: undefined }],
    ["Basic token", "secret", { token: undefined, secret: "secret" }],
    ["Bearer to ken", "secret", { token: undefined, secret: "secret" }],
    ["", "secret", { token: undefined, secret: "secret" }],
  ])("%j and secret %j", async (authorization, secret, access) => {
    const { status } = await get({ authorization }, `/files/download/f1${secret ? `?secret=${secret}` : ""}`);
    expect(status).toBe(200);
    expect(downloads.access).toEqual(access);
  });

  test("nobody: 401, as JSON", async () => {
    const answer = await get({ authorization: "" });
    expect([answer.status, json(answer).code]).toEqual([401, "UNAUTHENTICATED"]);
    expect(answer.headers.etag).toBeUndefined();
    expect((await head({ authorization: "" })).status).toBe(401);
  });

  test("no such file: 404", async () => {
    const answer = await get({}, "/files/download/f2");
    expect([answer.status, json(answer).code]).toEqual([404, "NOT_FOUND"]);
    expect(answer.headers["content-type"]).toContain("application/json");
  });

  test.each(["secret=a&secret=b", "disposition=evil", "disposition=inline&disposition=inline", "disposition="])(
    "?%s: 400 that names the parameter",
    async (query) => {
      const answer = await get({}, `/files/download/f1?${query}`);
      expect(answer.status).toBe(400);
      expect(json(answer)).toMatchObject({ code: "BAD_USER_INPUT", field: query.split("=")[0] });
    },
  );
});

describe("Content-Disposition", () => {
  test.each([
    "plain.txt",
    "with space.txt",
    'quo"te\\back.txt',
    "semi;colon=,.txt",
    "100%25.txt",
    "naïve café.pdf",
    "отчёт.docx",
    "文件 名.zip",
    "ملف.pdf",
    "קובץ.txt",
    "ไฟล์.txt",
    "👩‍👩‍👧.png",
    "line\r\nSet-Cookie: a=b.txt",
    "nul\0tab\tdel\x7f\u2028\u0085.txt",
    "../../etc/passwd",
    "'; filename*=UTF-8''evil",
    `${"長".repeat(255)}.txt`,
  ])("%j arrives as it is", async (filename) => {
    downloads.file.filename = filename;
    const { status, headers } = await get();
    expect(status).toBe(200);
    expect(headers["set-cookie"]).toBeUndefined();
    expect(headers["content-disposition"]).toMatch(/^attachment; filename[\x20-\x7e]+$/);
    expect(parseDisposition(headers["content-disposition"] ?? "").parameters["filename"]).toBe(filename);
  });

  test("half a surrogate pair does no harm", async () => {
    downloads.file.filename = "a\ud800b.txt";
    const { headers } = await get();
    expect(parseDisposition(headers["content-disposition"] ?? "").parameters["filename"]).toBe("a\ufffdb.txt");
  });

  test("inline and attachment on demand", async () => {
    const inline = await get({}, "/files/download/f1?disposition=inline");
    expect(inline.headers["content-disposition"]).toBe("inline; filename=a.bin");
    expect(inline.headers["content-security-policy"]).toContain("sandbox");
    const attachment = await head({}, "/files/download/f1?disposition=attachment");
    expect(attachment.headers["content-disposition"]).toBe("attachment; filename=a.bin");
  });
});

describe("one range", () => {
  test.each([
    ["bytes=0-0", 0, 1],
    ["bytes=5-", 5, 300_000],
    ["bytes=-5", 299_995, 300_000],
    ["bytes=-999999999999999999999", 0, 300_000],
    ["bytes=100-199", 100, 200],
    ["bytes=299999-400000", 299_999, 300_000],
    ["bytes=0-", 0, 300_000],
    ["bytes=65530-65550", 65_530, 65_551],
    ["BYTES=0-9,5-19", 0, 20],
    ["bytes=400000-,7-7", 7, 8],
  ] as [string, number, number][])("%s", async (range, start, end) => {
    const { status, headers, body } = await get({ range });
    expect(status).toBe(206);
    expect(headers["content-range"]).toBe(`bytes ${start}-${end - 1}/300000`);
    expect(headers["content-length"]).toBe(String(end - start));
    expect(headers["content-type"]).toBe("video/mp4");
    expect(headers.etag).toBe(`"${downloads.file.digest}"`);
    expect(body.equals(bytes.subarray(start, end))).toBe(true);
    expect(downloads.reads).toEqual([{ start, end }]);
  });

  test.each(["bytes=300000-", "bytes=-0", `bytes=${"9".repeat(50)}-`, `bytes=${"0-0,".repeat(33)}`])(
    "%s: 416 with the size",
    async (range) => {
      const { status, headers, body } = await get({ range });
      expect([status, headers["content-range"], body.length]).toEqual([416, "bytes */300000", 0]);
      expect([headers["content-length"], headers["content-type"]]).toEqual(["0", undefined]);
      expect(headers["content-disposition"]).toBeUndefined();
      expect(downloads.reads).toEqual([]);
    },
  );

  test.each(["bytes=5-4", "bytes=a-", "items=0-1", "bytes=", "0-1"])("%j is ignored", async (range) => {
    const { status, headers, body } = await get({ range });
    expect([status, headers["content-range"], body.length]).toEqual([200, undefined, 300_000]);
  });
});

/** Takes a multipart/byteranges body apart, and fails where a byte isn't accounted for. */
function parseMultipart({ headers, body }: Answer) {
  const boundary = /^multipart\/byteranges; boundary=([\w-]{1,70})$/.exec(headers["content-type"] ?? "")?.[1];
  const parts: { type: string; range: string; data: Buffer }[] = [];
  let at = 0;
  for (;;) {
    const opening = `${parts.length === 0 ? "" : "\r\n"}--${boundary}`;
    expect(body.toString("latin1", at, at + opening.length)).toBe(opening);
    at += opening.length;
    const headEnd = body.indexOf("\r\n\r\n", at);
    if (headEnd === -1) break;
    const fields = body.toString("latin1", at, headEnd);
    const [, type = "", range = "", start, end] =
      /^\r\nContent-Type: (.+)\r\nContent-Range: (bytes (\d+)-(\d+)\/\d+)$/.exec(fields) ?? [];
    at = headEnd + 4 + Number(end) - Number(start) + 1;
    parts.push({ type, range, data: body.subarray(headEnd + 4, at) });
  }
  expect(body.toString("latin1", at)).toBe("--\r\n");
  return { boundary, parts };
}

describe("several ranges", () => {
  test("come as parts in the order asked for, with the exact length", async () => {
    const answer = await get({ range: "bytes=200000-299999, 0-0, 10-70009, 5-19, -1" });
    expect(answer.status).toBe(206);
    expect(answer.headers["content-length"]).toBe(String(answer.body.length));
    expect(answer.headers["content-range"]).toBeUndefined();
    const { parts } = parseMultipart(answer);
    expect(parts.map(({ type, range }) => `${type} ${range}`)).toEqual([
      "video/mp4 bytes 200000-299999/300000",
      "video/mp4 bytes 0-0/300000",
      "video/mp4 bytes 5-70009/300000",
    ]);
    expect(parts[0]?.data.equals(bytes.subarray(200_000))).toBe(true);
    expect(parts[1]?.data.equals(bytes.subarray(0, 1))).toBe(true);
    expect(parts[2]?.data.equals(bytes.subarray(5, 70_010))).toBe(true);
    expect(downloads.closed).toBe(3);
  });

  test("each answer has a boundary of its own", async () => {
    const [a, b] = [await get({ range: "bytes=0-0,9-9" }), await get({ range: "bytes=0-0,9-9" })];
    expect(parseMultipart(a).boundary).not.toBe(parseMultipart(b).boundary);
  });

  test("thirty-two of them are served", async () => {
    const range = `bytes=${Array.from({ length: 32 }, (_, i) => `${i * 100}-${i * 100 + 9}`).join(",")}`;
    expect(parseMultipart(await get({ range })).parts).toHaveLength(32);
  });

  test("one that can't be had later cuts the connection; the first one is a 503", async () => {
    downloads.brokenFrom = 1000;
    await expect(get({ range: "bytes=0-9,1000-1009" })).rejects.toThrow(/aborted|reset/i);
    const answer = await get({ range: "bytes=1000-1009,0-9" });
    expect([answer.status, json(answer).code]).toEqual([503, "DATA_UNAVAILABLE"]);
  });
});

describe("preconditions", () => {
  const etag = () => `"${downloads.file.digest}"`;
  const SAME = "Sun, 22 Nov 2026 10:20:30 GMT";

  test.each(["GET", "HEAD"])("%s: 304 for what the client has", async (method) => {
    const current: Record<string, string>[] = [{ "if-none-match": `"x", W/${etag()}` }, { "if-modified-since": SAME }];
    for (const headers of current) {
      const answer = await get({ ...headers, range: "bytes=999999-" }, undefined, method);
      expect([answer.status, answer.body.length, answer.headers.etag]).toEqual([304, 0, etag()]);
      expect(answer.headers["content-disposition"]).toBe("attachment; filename=a.bin");
      expect(answer.headers["cache-control"]).toBe("private, no-cache");
      expect(answer.headers["content-type"]).toBeUndefined();
    }
    expect(downloads.reads).toEqual([]);
  });

  test.each(["GET", "HEAD"])("%s: 412 for another version", async (method) => {
    for (const headers of [
      { "if-match": '"x"' },
      { "if-match": `W/${etag()}` },
      { "if-unmodified-since": "Sun, 22 Nov 2026 10:20:29 GMT" },
    ] as Record<string, string>[]) {
      const answer = await get(headers, undefined, method);
      expect([answer.status, answer.body.length, answer.headers.etag]).toEqual([412, 0, etag()]);
    }
    expect(downloads.reads).toEqual([]);
  });

  test("If-Range decides between the part and the whole", async () => {
    const status = async (ifRange: string, range = "bytes=0-0") => (await get({ range, "if-range": ifRange })).status;
    expect(await status(etag())).toBe(206);
    expect(await status(SAME)).toBe(206);
    expect(await status(`W/${etag()}`)).toBe(200);
    expect(await status('"x"')).toBe(200);
    expect(await status("Sun, 22 Nov 2026 10:20:29 GMT")).toBe(200);
    expect(await status("Sun, 22 Nov 2026 10:20:31 GMT")).toBe(200);
    expect(await status("2026")).toBe(200);
    expect(await status('"x"', "bytes=999999-")).toBe(200);
    expect(await status(etag(), "bytes=999999-")).toBe(416);
  });

  test("two Range headers aren't one that makes sense", async () => {
    const socket = rawGet("Range: bytes=0-0\r\nRange: bytes=1-1\r\n");
    const [chunk] = await once(socket, "data");
    expect(chunk.toString("latin1", 0, 15)).toBe("HTTP/1.1 200 OK");
    socket.destroy();
  });
});

describe("bytes that can't be had", () => {
  test("at the first one: 503 as JSON, and the connection lives on", async () => {
    downloads.brokenFrom = 0;
    const answer = await get();
    expect([answer.status, json(answer).code]).toEqual([503, "DATA_UNAVAILABLE"]);
    expect(answer.headers["content-type"]).toContain("application/json");
    for (const name of ["etag", "content-disposition", "accept-ranges", "last-modified"]) {
      expect(answer.headers[name]).toBeUndefined();
    }
    expect(Number(answer.headers["content-length"])).toBe(answer.body.length);
    expect(responses).toEqual([503]);
  });

  test("in mid-stream: the client gets an error, never a short success, and the log the cause", async () => {
    downloads.brokenFrom = 200_000;
    const message = await open();
    expect(message.statusCode).toBe(200);
    const received: Buffer[] = [];
    const reading = (async () => {
      for await (const chunk of message) received.push(chunk);
    })();
    await expect(reading).rejects.toThrow(/aborted|reset/i);
    const start = Buffer.concat(received);
    expect(start.length).toBeLessThanOrEqual(200_000);
    expect(start.equals(bytes.subarray(0, start.length))).toBe(true);
    await vi.waitFor(() => expect(errors()).toHaveLength(1));
    expect(errors()[0]).toMatchObject({ fileId: "f1", err: { code: "DATA_UNAVAILABLE" } });
    expect(downloads.closed).toBe(1);
  });

  test("fetch sees an error too", async () => {
    downloads.brokenFrom = 299_999;
    const response = await fetch(`http://127.0.0.1:${port}/files/download/f1?secret=secret`);
    await expect(response.arrayBuffer()).rejects.toThrow();
  });

  test.each([-1, -100_000, 1, 100_000])(
    "a source that is wrong by %i bytes cuts the connection",
    async (lengthError) => {
      downloads.lengthError = lengthError;
      await expect(get()).rejects.toThrow(/aborted|reset/i);
      await vi.waitFor(() => expect(errors()).toHaveLength(1));
    },
  );

  test("a source with nothing at all is a 500 and not an empty 200", async () => {
    downloads.lengthError = -300_000;
    expect((await get()).status).toBe(500);
  });
});

describe("clients", () => {
  const pattern = (target: Buffer, offset: number) => target.fill((offset / STEP) % 251);

  test("a slow one keeps memory flat, and the source isn't pulled ahead", async () => {
    await serve(new FakeDownloads(GIB, pattern, "d"));
    const client = spawn(process.execPath, ["-e", SLOW_CLIENT, String(port)], { stdio: ["pipe", "pipe", "inherit"] });
    onTestFinished(() => void client.kill("SIGKILL"));
    await vi.waitFor(() => expect(downloads.pulled).toBeGreaterThan(0), { timeout: 30_000 });
    await untilQuiet();
    expect(downloads.pulled).toBeLessThan(KERNEL_BUFFERS);
    const before = retainedBytes();
    let received = 0;
    client.stdin.write("go\n");
    for await (const line of createInterface(client.stdout)) {
      received = Number(line);
      await untilQuiet();
      expect(downloads.pulled - received).toBeLessThan(KERNEL_BUFFERS);
      expect(retainedBytes() - before).toBeLessThan(16 * MIB);
      client.stdin.write("go\n");
    }
    expect(received).toBe(GIB);
    expect(errors()).toEqual([]);
  });

  test("one that leaves stops the source at once", async () => {
    await serve(new FakeDownloads(GIB, pattern, "d"));
    const socket = rawGet();
    await once(socket, "data");
    socket.pause();
    await untilQuiet();
    expect(downloads.closed).toBe(0);
    socket.destroy();
    await vi.waitFor(() => expect(downloads.closed).toBe(1), { timeout: 1000, interval: 5 });
    expect(downloads.signals[0]?.aborted).toBe(true);
    expect(errors()).toEqual([]);
    expect(logged.some((line) => line["fileId"] === "f1" && line["level"] === 30)).toBe(true);
  });

  test.each([
    ["before the first byte", 0],
    ["while the source is busy", 2 * STEP],
  ])("one that leaves %s stops it too", async (_, stallAt) => {
    downloads.stallAt = stallAt;
    const socket = rawGet().resume();
    await vi.waitFor(() => expect([downloads.reads.length, downloads.pulled]).toEqual([1, stallAt]));
    await sleep(50);
    socket.destroy();
    await vi.waitFor(() => expect(downloads.closed).toBe(1), { timeout: 1000, interval: 5 });
    await sleep(20);
    expect(errors()).toEqual([]);
  });

  test("one whose request waits behind another on the connection leaves no reader behind", async () => {
    await serve(new FakeDownloads(GIB, pattern, "d"));
    const socket = rawGet();
    socket.write("GET /files/download/f1?secret=secret HTTP/1.1\r\nHost: x\r\n\r\n");
    await once(socket, "data");
    socket.pause();
    await untilQuiet();
    expect(downloads.reads).toHaveLength(2);
    socket.destroy();
    await vi.waitFor(() => expect(downloads.closed).toBe(2), { timeout: 1000, interval: 5 });
  });

  test("a kept connection gathers no listeners", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on("warning", onWarning);
    for (let i = 0; i < 30; i++) {
      const response = await fetch(`http://127.0.0.1:${port}/files/download/f1?secret=secret`);
      expect((await response.bytes()).length).toBe(300_000);
    }
    await sleep(10);
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
  });
});

test("inject sees what a socket sees", async () => {
  const answer = await app.inject({ url: "/files/download/f1?secret=secret", headers: { range: "bytes=1-3" } });
  expect([answer.statusCode, answer.rawPayload.equals(bytes.subarray(1, 4))]).toEqual([206, true]);
});
