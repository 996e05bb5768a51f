import { randomBytes, randomInt } from "node:crypto";
import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { type MultipartPart, MultipartReader } from "../../../src/graphql/multipart/multipart-reader.ts";
import { boundaryOf, MultipartError } from "../../../src/graphql/multipart/part-header.ts";

const BOUNDARY = "--aB3x";

interface Sent {
  name: string;
  filename?: string;
  content: Buffer;
}

function header({ name, filename }: Omit<Sent, "content">): string {
  return filename === undefined
    ? `Content-Disposition: form-data; name="${name}"`
    : `Content-Disposition: form-data; name="${name}"; filename="${filename}"\r\nContent-Type: image/png`;
}

/** A message of one part per header, with the same content in each. */
function message(headers: string[], content: string | Buffer = "content"): Buffer {
  const parts = headers.map((text) => [`--${BOUNDARY}\r\n${text}\r\n\r\n`, content, "\r\n"]);
  return Buffer.concat([...parts.flat(), `--${BOUNDARY}--\r\n`].map((piece) => Buffer.from(piece as string)));
}

function encode(parts: Sent[]): Buffer {
  return Buffer.concat([
    ...parts.flatMap((part) => [
      Buffer.from(`--${BOUNDARY}\r\n${header(part)}\r\n\r\n`),
      part.content,
      Buffer.from("\r\n"),
    ]),
    Buffer.from(`--${BOUNDARY}--\r\n`),
  ]);
}

/** Each read is gone when the next one is asked for, as those of a request are. */
async function* reads(pieces: Iterable<Buffer | Error>): AsyncGenerator<Buffer> {
  for (const piece of pieces) {
    if (piece instanceof Error) throw piece;
    const read = Buffer.from(piece);
    yield read;
    read.fill("?");
  }
}

function readerOf(...pieces: (Buffer | string | Error)[]): MultipartReader {
  return new MultipartReader(
    reads(pieces.map((piece) => (typeof piece === "string" ? Buffer.from(piece) : piece))),
    BOUNDARY,
  );
}

async function collect(bytes: AsyncIterable<Buffer> | undefined): Promise<Buffer[]> {
  const pieces: Buffer[] = [];
  for await (const piece of bytes ?? []) {
    pieces.push(Buffer.from(piece));
  }
  return pieces;
}

async function decode(pieces: Buffer[]): Promise<Sent[]> {
  const reader = readerOf(...pieces);
  const parts: Sent[] = [];
  for (let part = await reader.nextPart(); part !== null; part = await reader.nextPart()) {
    const content = Buffer.concat(await collect(part.bytes));
    parts.push({ name: part.name, ...(part.filename === undefined ? {} : { filename: part.filename }), content });
  }
  return parts;
}

async function onlyPart(text: string): Promise<MultipartPart> {
  const part = await readerOf(message([text])).nextPart();
  if (part === null) throw new Error("There is no part.");
  return part;
}

/** Content made of what a delimiter is made of, and so most likely to be taken for one. */
const TRICKY = [
  "",
  "\r",
  "\r\n",
  "\r\n\r\n",
  "\r\n--",
  "\r\r\n--\r\n--",
  `\r\n--${BOUNDARY.slice(0, -1)}`,
  `\r\n--${BOUNDARY.slice(0, -1)}\r\n--${BOUNDARY.slice(0, -1)}\r`,
  `--${BOUNDARY}`,
  `-\r\n-${BOUNDARY}\n--${BOUNDARY}--`,
  `\r\n${BOUNDARY}--\r\n`,
].map((text) => Buffer.from(text));

const SMALL: Sent[] = [
  { name: "operations", content: Buffer.from('{"query":"…"}') },
  { name: "1", filename: "ü.png", content: Buffer.from(`a\r\n--${BOUNDARY.slice(0, 3)}\r\n`) },
  { name: "2", content: Buffer.alloc(0) },
];

describe("any split of the input into reads gives the same parts", () => {
  test("every split in two and in three", async () => {
    const body = encode(SMALL);
    for (let first = 0; first <= body.length; first++) {
      for (let second = first; second <= body.length; second += second - first < 20 ? 1 : 17) {
        const pieces = [body.subarray(0, first), body.subarray(first, second), body.subarray(second)];
        expect(await decode(pieces), `cut at ${first} and ${second}`).toEqual(SMALL);
      }
    }
  });

  test.each([1, 2, 3, 5, 7, 11])("reads of %i bytes, over content that resembles a delimiter", async (size) => {
    const parts = TRICKY.map((content, index) => ({ name: String(index), filename: "f", content }));
    const body = encode(parts);
    const pieces = Array.from({ length: Math.ceil(body.length / size) }, (_, i) =>
      body.subarray(i * size, (i + 1) * size),
    );
    expect(await decode(pieces)).toEqual(parts);
  });

  test("random contents in random reads", async () => {
    for (let round = 0; round < 300; round++) {
      const parts = Array.from({ length: randomInt(1, 5) }, (_, index) => {
        const fragments = Array.from({ length: randomInt(0, 30) }, () =>
          randomInt(3) === 0 ? randomBytes(randomInt(0, 300)) : (TRICKY[randomInt(TRICKY.length)] as Buffer),
        );
        const content = Buffer.concat(fragments);
        // What is a delimiter by chance of the fragments' order is no content.
        return { name: String(index), content: content.includes(`\r\n--${BOUNDARY}`) ? randomBytes(40) : content };
      });
      const body = encode(parts);
      const pieces: Buffer[] = [];
      for (let start = 0; start < body.length; ) {
        const end = start + randomInt(0, randomInt(2) === 0 ? 8 : 400);
        pieces.push(body.subarray(start, end));
        start = end;
      }
      expect(await decode(pieces)).toEqual(parts);
    }
  });
});

describe("bodies", () => {
  test("what a read holds is yielded without a copy", async () => {
    // Not random: a read that ends like a delimiter's beginning is yielded in two pieces.
    const content = Buffer.alloc(64 * 1024, "x");
    const head = Buffer.from(`--${BOUNDARY}\r\n${header({ name: "1", filename: "f" })}\r\n\r\n`);
    const source = Readable.from([head, content, Buffer.from(`\r\n--${BOUNDARY}--`)]);
    const part = await new MultipartReader(source, BOUNDARY).nextPart();
    const pieces: Buffer[] = [];
    for await (const piece of part?.bytes ?? []) pieces.push(piece);
    expect(pieces).toHaveLength(1);
    expect(pieces[0]?.buffer).toBe(content.buffer);
  });

  test("nextPart skips what is left unread", async () => {
    const parts = ["a", "b", "c"].map((name) => ({ name, content: randomBytes(5000) }));
    const body = encode(parts);
    const pieces = Array.from({ length: 160 }, (_, i) => body.subarray(i * 100, (i + 1) * 100));
    const reader = readerOf(...pieces);
    const first = await reader.nextPart();
    for await (const piece of first?.bytes ?? []) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
    expect((await reader.nextPart())?.name).toBe("b");
    const third = await reader.nextPart();
    expect(Buffer.concat(await collect(third?.bytes))).toEqual(parts[2]?.content);
    expect(await reader.nextPart()).toBeNull();
    expect(await reader.nextPart()).toBeNull();
  });

  test("a body can be read once, and not after it was skipped", async () => {
    const reader = readerOf(message(["a", "b"].map((name) => header({ name }))));
    const first = await reader.nextPart();
    const iterator = first?.bytes[Symbol.asyncIterator]();
    expect(() => first?.bytes[Symbol.asyncIterator]()).toThrow("only once");
    await reader.nextPart();
    await expect(iterator?.next()).rejects.toThrow("skipped");
  });

  test("reading in two places at once is refused, and doesn't spoil the first", async () => {
    const reader = readerOf(message([header({ name: "a" })]));
    const reading = reader.nextPart();
    await expect(reader.nextPart()).rejects.toThrow("being read already");
    expect((await reading)?.name).toBe("a");
  });

  test("text: up to maxBytes, null beyond", async () => {
    const content = "ümläut";
    const size = Buffer.byteLength(content);
    const reader = readerOf(message([header({ name: "a" }), header({ name: "b" }), header({ name: "c" })], content));
    expect(await (await reader.nextPart())?.text(size)).toBe(content);
    expect(await (await reader.nextPart())?.text(size - 1)).toBeNull();
    expect(await (await reader.nextPart())?.text(1000)).toBe(content);
  });

  test("an error of the source is thrown by the body, and again by what follows", async () => {
    const failure = new Error("The client left.");
    const reader = readerOf(`--${BOUNDARY}\r\n${header({ name: "a" })}\r\n\r\nabc`, failure);
    const part = await reader.nextPart();
    await expect(collect(part?.bytes)).rejects.toBe(failure);
    await expect(reader.nextPart()).rejects.toBe(failure);
  });
});

describe("around the parts", () => {
  test("preamble, padding after the boundary and epilogue are passed over", async () => {
    const body = `This is MIME.\r\n--${BOUNDARY} \t\r\n${header({ name: "a" })}\r\n\r\nx\r\n--${BOUNDARY}--\r\nEpilogue`;
    expect(await decode([Buffer.from(body)])).toEqual([{ name: "a", content: Buffer.from("x") }]);
  });

  test("a form without parts has none", async () => {
    expect(await readerOf(`--${BOUNDARY}--\r\n`).nextPart()).toBeNull();
    expect(await readerOf(`--${BOUNDARY}--`).nextPart()).toBeNull();
  });

  test("a preamble longer than 16 KiB is refused", async () => {
    const piece = Buffer.alloc(1000, "x");
    await expect(readerOf(...Array(100).fill(piece)).nextPart()).rejects.toThrow(
      "no delimiter in its first 16384 bytes",
    );
  });

  test("a part's header may have 16 KiB and no more, in whatever reads it comes", async () => {
    const padded = (size: number) => `${header({ name: "a" })}\r\nX: `.padEnd(size - 2, "x");
    expect((await onlyPart(padded(16 * 1024))).name).toBe("a");
    await expect(onlyPart(padded(16 * 1024 + 1))).rejects.toThrow("longer than 16384 bytes");
    const endless = Array(1000).fill(Buffer.alloc(100, "x"));
    await expect(readerOf(`--${BOUNDARY}\r\nX: `, ...endless).nextPart()).rejects.toThrow("longer than 16384 bytes");
  });

  test("a body cut anywhere before the closing delimiter is told as truncated", async () => {
    const body = encode(SMALL);
    for (let length = 0; length < body.length - 2; length++) {
      await expect(decode([body.subarray(0, length)]), `${length} bytes`).rejects.toThrow(
        "before its closing delimiter",
      );
    }
    expect(await decode([body.subarray(0, -2)])).toEqual(SMALL);
  });
});

describe("malformed headers are refused", () => {
  test.each([
    ["a line without colon", "Content-Disposition"],
    ["an empty name", ': form-data; name="a"'],
    ["white space at the first name's start", ` ${header({ name: "a" })}`],
    ["white space before the colon", 'Content-Disposition : form-data; name="a"'],
    ["a control character", `${header({ name: "a" })}\r\nX: \0`],
    ["a bare line feed", `${header({ name: "a" })}\nX: y`],
    ["no Content-Disposition", "Content-Type: text/plain"],
    ["another disposition", 'Content-Disposition: attachment; name="a"'],
    ["no name", "Content-Disposition: form-data"],
    ["an open quote", 'Content-Disposition: form-data; name="a'],
    ["something after a quoted value", 'Content-Disposition: form-data; name="a"b'],
    ["a filename* without charset", "Content-Disposition: form-data; name=a; filename*=abc"],
    ["a filename* in an unknown charset", "Content-Disposition: form-data; name=a; filename*=klingon''abc"],
    [
      "a transfer encoding that stands for other bytes",
      `${header({ name: "a" })}\r\nContent-Transfer-Encoding: Base64`,
    ],
    ["a content coding", `${header({ name: "a" })}\r\nContent-Encoding: gzip`],
    ["a filename* with a broken escape", "Content-Disposition: form-data; name=a; filename*=UTF-8''a%2"],
  ])("%s", async (_, text) => {
    const error = await onlyPart(text).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(MultipartError);
    expect(error.message).toMatch(/^Malformed part header/);
  });

  test("something else after a boundary", async () => {
    const body = `--${BOUNDARY}\r\n${header({ name: "a" })}\r\n\r\nx\r\n--${BOUNDARY}y\r\n\r\n`;
    await expect(decode([Buffer.from(body)])).rejects.toThrow("Malformed delimiter");
  });
});

describe("headers", () => {
  test("defaults are text/plain and 7bit", async () => {
    expect(await onlyPart(header({ name: "a" }))).toMatchObject({
      name: "a",
      filename: undefined,
      contentType: "text/plain",
      encoding: "7bit",
      isFile: false,
    });
  });

  test("names and types are read in any case, folded lines too; the first of two counts", async () => {
    const text = [
      'CONTENT-DISPOSITION: Form-Data;\r\n\tNAME=a ; filename="f"',
      "content-type:IMAGE/Png; charset=x",
      "Content-Type: text/html",
      "Content-Transfer-Encoding: BINARY",
    ].join("\r\n");
    expect(await onlyPart(text)).toMatchObject({
      name: "a",
      filename: "f",
      contentType: "image/png",
      encoding: "binary",
    });
  });

  test("application/octet-stream is a file without a filename too", async () => {
    const part = await onlyPart(`${header({ name: "a" })}\r\nContent-Type: application/octet-stream`);
    expect(part).toMatchObject({ isFile: true, filename: undefined });
  });

  test.each([
    ['filename="a.txt"', "a.txt"],
    ["filename=a.txt", "a.txt"],
    ['filename=""', undefined],
    ['filename="你好 ü.txt"', "你好 ü.txt"],
    ['filename="a;b=c.txt"', "a;b=c.txt"],
    ['filename="a%22b%0D%0A%20.txt"', 'a"b\r\n%20.txt'],
    ['filename="a\\"b\\\\c.txt"', "c.txt"],
    ['filename="a\\"b.txt"', 'a"b.txt'],
    ['filename="C:\\Users\\me\\a.txt"', "a.txt"],
    ['filename="../../etc/passwd"', "passwd"],
    ['filename="a/.."', ""],
    ['filename="."', ""],
    ["filename*=UTF-8''%e4%BD%a0%20a.txt", "你 a.txt"],
    ["filename*=iso-8859-1'en'%fc.txt", "ü.txt"],
    ["filename*=utf-8''..%2f..%5Cx", "x"],
    ["filename=\"plain\"; filename*=UTF-8''extended", "extended"],
    ["filename*=UTF-8''extended; filename=\"plain\"", "extended"],
    ['filename="first"; filename="second"', "first"],
  ])("%s", async (parameter, filename) => {
    expect((await onlyPart(`Content-Disposition: form-data; name="1"; ${parameter}`)).filename).toBe(filename);
  });
});

describe("boundaryOf", () => {
  test.each([
    ["multipart/form-data; boundary=abc", "abc"],
    ["Multipart/Form-Data ;charset=utf-8; BOUNDARY=aBc", "aBc"],
    ['multipart/form-data; boundary="a b:(c)?"', "a b:(c)?"],
    ["multipart/form-data; boundary=a=b/c", "a=b/c"],
    [`multipart/form-data; boundary=${"x".repeat(70)}`, "x".repeat(70)],
  ])("%s", (contentType, boundary) => {
    expect(boundaryOf(contentType)).toBe(boundary);
  });

  test.each([
    [undefined, "not multipart/form-data"],
    ["application/json", "not multipart/form-data"],
    ["multipart/form-data-x; boundary=a", "not multipart/form-data"],
    ["multipart/form-data", "no boundary"],
    ["multipart/form-data; boundary=", "no boundary"],
    ['multipart/form-data; boundary=""', "invalid boundary"],
    ['multipart/form-data; boundary="a "', "invalid boundary"],
    ["multipart/form-data; boundary=a*b", "invalid boundary"],
    ["multipart/form-data; boundary=ü", "invalid boundary"],
    [`multipart/form-data; boundary=${"x".repeat(71)}`, "invalid boundary"],
  ])("%s is refused", (contentType, message) => {
    expect(() => boundaryOf(contentType)).toThrow(message);
  });
});
