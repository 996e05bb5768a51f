import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { type Answer, bytes, downloads, get, json, rawGet } from "./download-server.ts";

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
