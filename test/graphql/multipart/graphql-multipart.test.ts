import { randomBytes } from "node:crypto";
import { buffer, text } from "node:stream/consumers";
import { GraphQLUpload } from "graphql-upload-ts";
import { describe, expect, test } from "vitest";
import { processMultipartRequest, type StreamedUpload } from "../../../src/graphql/multipart/graphql-multipart.ts";
import {
  copies,
  exchange,
  FIELDS,
  FILE_HEAD,
  FILE_TAIL,
  file,
  fileOf,
  form,
  head,
  LIMITS,
  MIB,
  ONE_FILE,
  opened,
  rawClient,
  refused,
  serve,
  uploadAt,
} from "./multipart-exchange.ts";

describe("operations", () => {
  test("no file: the operations as they came", async () => {
    const operations = { query: "{ a }", variables: { a: true } };
    expect((await exchange(form({ operations, map: {} }), async (multipart) => multipart)).operations).toEqual(
      operations,
    );
  });

  test("they are there before the file arrives", async () => {
    // A field's end shows by the delimiter after it.
    const start = FILE_HEAD.slice(0, 12);
    const { port, outcome } = await serve(async (request) => {
      const multipart = await processMultipartRequest(request, LIMITS);
      client.socket.write(`${FILE_HEAD.slice(start.length)}late${FILE_TAIL}`);
      return text(copies(await fileOf(multipart)));
    });
    const client = await rawClient(port);
    client.socket.write(head(FIELDS.length + FILE_HEAD.length + 4 + FILE_TAIL.length) + FIELDS + start);
    expect(await outcome).toBe("late");
  });

  test("a field of another name is passed over", async () => {
    const body = form({ token: "x", ...ONE_FILE, other: "y", f1: file() });
    expect(await exchange(body, async (multipart) => text(copies(await fileOf(multipart))))).toBe("a");
  });

  test("the variables satisfy the Upload scalar", async () => {
    const value = await exchange(form({ ...ONE_FILE, f1: file() }), async ({ operations }) =>
      GraphQLUpload.parseValue(uploadAt(operations, "variables", "file")),
    );
    expect(value).toMatchObject({ filename: "a.txt" });
  });
});

describe("the file", () => {
  test.each(["a.txt", "你好.txt", 'quo"te.txt'])("%s: its particulars and bytes", async (name) => {
    await exchange(form({ ...ONE_FILE, f1: file("content", name) }), async (multipart) => {
      const upload = await fileOf(multipart);
      expect(upload).toMatchObject({ fieldName: "f1", filename: name, mimetype: "text/plain", encoding: "7bit" });
      expect(await text(copies(upload))).toBe("content");
    });
  });

  test("body yields the bytes of a large file", async () => {
    const content = randomBytes(9 * MIB);
    const received = await exchange(form({ ...ONE_FILE, f1: file(content) }), async (multipart) =>
      buffer(copies(await fileOf(multipart))),
    );
    expect(received.equals(content)).toBe(true);
  });

  test("an empty file has no bytes", async () => {
    const body = form({ ...ONE_FILE, f1: file("") });
    expect(await exchange(body, async (multipart) => text(copies(await fileOf(multipart))))).toBe("");
  });

  test("in a batch, it goes to the operation that the map names", async () => {
    const operations = [{ variables: { a: 1 } }, { variables: { file: null } }];
    const body = form({ operations, map: { f1: ["1.variables.file"] }, f1: file() });
    await exchange(body, async (multipart) => {
      expect(multipart.operations).toMatchObject([{ variables: { a: 1 } }, {}]);
      expect(await text(copies(await opened(uploadAt(multipart.operations, 1, "variables", "file"))))).toBe("a");
    });
  });

  test("mapped to two variables, it is one upload, and is read once", async () => {
    const operations = { variables: { files: [null, null] } };
    const body = form({ operations, map: { f1: ["variables.files.0", "variables.files.1"] }, f1: file() });
    await exchange(body, async (multipart) => {
      const uploads = [0, 1].map((index) => uploadAt(multipart.operations, "variables", "files", index));
      expect(uploads[0]).toBe(uploads[1]);
      const [first, second] = await Promise.all(uploads.map(opened));
      expect(first).toBe(second);
      expect(await text(copies(first as StreamedUpload))).toBe("a");
      expect(() => second?.bytes[Symbol.asyncIterator]()).toThrow("only once");
    });
  });

  test("not sent: the upload rejects", async () => {
    await exchange(form(ONE_FILE), async (multipart) => {
      await expect(fileOf(multipart)).rejects.toMatchObject({ status: 400, message: "File missing in the request." });
    });
  });

  test("sent as a text field: the upload rejects", async () => {
    await exchange(form({ ...ONE_FILE, f1: "a" }), async (multipart) => {
      await expect(fileOf(multipart)).rejects.toMatchObject({ status: 400, message: "File missing in the request." });
    });
  });

  test("another sent in its place: the upload rejects", async () => {
    await exchange(form({ ...ONE_FILE, f2: file() }), async (multipart) => {
      await expect(fileOf(multipart)).rejects.toMatchObject({ status: 400, message: "File missing in the request." });
    });
  });
});

describe("one file a request", () => {
  const TOO_MANY = {
    status: 413,
    code: "BAD_USER_INPUT",
    message: expect.stringContaining("1 max file uploads exceeded"),
  };

  test("a map with two is refused", async () => {
    const operations = { variables: { files: [null, null] } };
    const map = { f1: ["variables.files.0"], f2: ["variables.files.1"] };
    expect(await refused(form({ operations, map, f1: file(), f2: file() }))).toMatchObject(TOO_MANY);
  });

  test("a file that the map doesn't name, before the one that it does, counts", async () => {
    await exchange(form({ ...ONE_FILE, extraneous: file("c"), f1: file() }), async (multipart) => {
      await expect(fileOf(multipart)).rejects.toMatchObject(TOO_MANY);
    });
  });

  test("a file after the mapped one makes its reading fail, after its last byte", async () => {
    await exchange(form({ ...ONE_FILE, f1: file("abc"), f2: file() }), async (multipart) => {
      const pieces: Buffer[] = [];
      const reading = (async () => {
        for await (const piece of copies(await fileOf(multipart))) {
          pieces.push(piece);
        }
      })();
      await expect(reading).rejects.toMatchObject(TOO_MANY);
      expect(Buffer.concat(pieces).toString()).toBe("abc");
    });
  });
});

describe("sizes", () => {
  test("a file of exactly maxFileSize is taken", async () => {
    const limits = { ...LIMITS, maxFileSize: 200_000 };
    const content = "x".repeat(200_000);
    const body = form({ ...ONE_FILE, f1: file(content) });
    expect(await exchange(body, async (multipart) => text(copies(await fileOf(multipart))), limits)).toBe(content);
  });

  test.each([200_001, 600_000])("a file of %i bytes is too large for 200000: its reading throws", async (size) => {
    const body = form({ ...ONE_FILE, f1: file("x".repeat(size)) });
    const limits = { maxFieldSize: 1000, maxFileSize: 200_000 };
    const reading = exchange(body, async (multipart) => buffer(copies(await fileOf(multipart))), limits);
    await expect(reading).rejects.toMatchObject({
      status: 413,
      code: "FILE_TOO_LARGE",
      message: "The file exceeds the 200000 byte size limit.",
    });
  });

  test("a field of exactly maxFieldSize is taken, one byte more refused", async () => {
    const operations = JSON.stringify({ variables: { a: "x".repeat(1000) } });
    const body = () => form({ operations, map: {} });
    const multipart = await exchange(body(), async (m) => m, { ...LIMITS, maxFieldSize: operations.length });
    expect(multipart.operations).toEqual(JSON.parse(operations));
    expect(await refused(body(), { ...LIMITS, maxFieldSize: operations.length - 1 })).toMatchObject({
      status: 413,
      code: "BAD_USER_INPUT",
      message: `The ‘operations’ multipart field value exceeds the ${operations.length - 1} byte size limit.`,
    });
    expect(await refused(form({ ...ONE_FILE, map: "x".repeat(100_001) }))).toMatchObject({
      status: 413,
      message: "The ‘map’ multipart field value exceeds the 100000 byte size limit.",
    });
  });

  test("files that nobody asked for don't make the server read without end", async () => {
    const { port, outcome } = await serve(async (request) => {
      const multipart = await processMultipartRequest(request, { maxFieldSize: 1000, maxFileSize: 100_000 });
      return fileOf(multipart);
    });
    const { socket } = await rawClient(port);
    socket.write(head(2 ** 40) + FIELDS + FILE_HEAD.replace('name="f1"', 'name="other"'));
    const flood = setInterval(() => socket.write(Buffer.alloc(100_000)), 1);
    await expect(outcome).rejects.toMatchObject({ status: 413, code: "FILE_TOO_LARGE" });
    clearInterval(flood);
  });
});
