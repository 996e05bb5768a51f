import { parse as parseDisposition } from "content-disposition";
import { describe, expect, test, vi } from "vitest";
import {
  bytes,
  downloads,
  FakeDownloads,
  get,
  head,
  json,
  logged,
  rawGet,
  responses,
  serve,
} from "./download-server.ts";

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
    ["Bearer token", undefined, { token: "token", address: "127.0.0.1", secret: undefined }],
    ["bearer   token", undefined, { token: "token", address: "127.0.0.1", secret: undefined }],
    ["Basic token", "secret", { token: undefined, address: "127.0.0.1", secret: "secret" }],
    ["Bearer to ken", "secret", { token: undefined, address: "127.0.0.1", secret: "secret" }],
    ["", "secret", { token: undefined, address: "127.0.0.1", secret: "secret" }],
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
