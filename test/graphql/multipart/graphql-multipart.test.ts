import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { Readable } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { GraphQLUpload, Upload } from "graphql-upload-ts";
import { afterEach, describe, expect, test } from "vitest";
import {
  type MultipartRequest,
  type MultipartRequestLimits,
  processMultipartRequest,
  type StreamedUpload,
} from "../../../src/graphql/multipart/graphql-multipart.ts";
import { RequestBodyError } from "../../../src/http/body/request-body-error.ts";

const LIMITS: MultipartRequestLimits = { maxFieldSize: 100_000, maxFileSize: 10_000_000 };
const BOUNDARY = "b0undary";
const SPEC = "https://github.com/jaydenseric/graphql-multipart-request-spec";
const MIB = 1024 * 1024;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function* copies({ bytes }: StreamedUpload): AsyncGenerator<Buffer> {
  for await (const piece of bytes) yield Buffer.from(piece);
}

interface Served<T> {
  url: string;
  port: number;
  /** What the handler made of the first request; rejects with what it threw. */
  outcome: Promise<T>;
}

/** Answers each request 200 when the handler has returned, or 500 when it threw. */
async function serve<T>(handler: (request: IncomingMessage) => Promise<T>): Promise<Served<T>> {
  const first = Promise.withResolvers<T>();
  first.promise.catch(() => {});
  const server = createServer((request, response) => {
    const done = handler(request);
    done.then(first.resolve, first.reject);
    done.then(
      () => response.end("served"),
      () => response.writeHead(500).end("failed"),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, outcome: first.promise };
}

function file(content: string | Buffer = "a", filename = "a.txt"): File {
  return new File([new Uint8Array(Buffer.from(content))], filename, { type: "text/plain" });
}

function form(fields: Record<string, unknown>): FormData {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    body.append(name, value instanceof File || typeof value === "string" ? value : JSON.stringify(value));
  }
  return body;
}

const ONE_FILE = { operations: { variables: { file: null } }, map: { f1: ["variables.file"] } };

function uploadAt(operations: unknown, ...keys: (string | number)[]): Upload {
  const value = keys.reduce((holder, key) => (holder as Record<string | number, unknown>)[key], operations);
  expect(value).toBeInstanceOf(Upload);
  return value as Upload;
}

function opened(upload: Upload): Promise<StreamedUpload> {
  return upload.promise as unknown as Promise<StreamedUpload>;
}

function fileOf({ operations }: MultipartRequest): Promise<StreamedUpload> {
  return opened(uploadAt(operations, "variables", "file"));
}

/** Sends the form, and gives what the handler made of it. The client must have got its answer. */
async function exchange<T>(
  body: FormData,
  use: (multipart: MultipartRequest, request: IncomingMessage) => Promise<T>,
  limits = LIMITS,
): Promise<T> {
  const { url, outcome } = await serve(async (request) => {
    const multipart = await processMultipartRequest(request, limits);
    try {
      return await use(multipart, request);
    } finally {
      await multipart.finish();
    }
  });
  const response = await fetch(url, { method: "POST", body });
  expect(await response.text()).toMatch(/served|failed/);
  return outcome;
}

async function refused(body: FormData, limits = LIMITS): Promise<RequestBodyError> {
  const error = await exchange(body, async () => {}, limits).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(RequestBodyError);
  return error;
}

interface RawClient {
  socket: Socket;
  /** Everything that the server sent so far. */
  received: () => string;
}

async function rawClient(port: number): Promise<RawClient> {
  const socket = connect(port, "127.0.0.1");
  let received = "";
  socket.on("data", (chunk) => {
    received += chunk;
  });
  socket.on("error", () => {});
  closers.push(() => socket.destroy());
  await once(socket, "connect");
  return { socket, received: () => received };
}

function head(length: number, contentType = `multipart/form-data; boundary=${BOUNDARY}`): string {
  return `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: ${contentType}\r\nContent-Length: ${length}\r\n\r\n`;
}

function field(name: string, value: unknown): string {
  return `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${JSON.stringify(value)}\r\n`;
}

const FIELDS = field("operations", ONE_FILE.operations) + field("map", ONE_FILE.map);
const FILE_HEAD = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="f1"; filename="a"\r\n\r\n`;
const FILE_TAIL = `\r\n--${BOUNDARY}--\r\n`;

/** `once` would reject with the error that comes before. */
function closed(emitter: NodeJS.EventEmitter): Promise<void> {
  return new Promise((resolve) => emitter.once("close", resolve));
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(5);
}

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
      const { createReadStream } = upload;
      const stream = createReadStream();
      expect(stream).toBeInstanceOf(Readable);
      expect(stream.readableEncoding).toBeNull();
      expect(stream.readableHighWaterMark).toBe(65536);
      expect(await text(stream)).toBe("content");
    });
  });

  test("createReadStream takes an encoding and a high water mark", async () => {
    await exchange(form({ ...ONE_FILE, f1: file("content") }), async (multipart) => {
      const stream = (await fileOf(multipart)).createReadStream({ encoding: "base64", highWaterMark: 100 });
      expect(stream.readableEncoding).toBe("base64");
      expect(stream.readableHighWaterMark).toBe(100);
      expect((await stream.toArray()).join("")).toBe(Buffer.from("content").toString("base64"));
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
      expect(await text(first?.createReadStream() as Readable)).toBe("a");
      expect(() => second?.createReadStream()).toThrow("only once");
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

  test.each([200_001, 600_000])("a file of %i bytes is too large for 200000: body and stream throw", async (size) => {
    for (const read of [
      (upload: StreamedUpload) => copies(upload),
      (upload: StreamedUpload) => upload.createReadStream(),
    ]) {
      const body = form({ ...ONE_FILE, f1: file("x".repeat(size)) });
      const limits = { maxFieldSize: 1000, maxFileSize: 200_000 };
      const reading = exchange(body, async (multipart) => buffer(read(await fileOf(multipart))), limits);
      await expect(reading).rejects.toMatchObject({
        status: 413,
        code: "FILE_TOO_LARGE",
        message: "The file exceeds the 200000 byte size limit.",
      });
    }
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

describe("refused requests, each with its reason", () => {
  const operations = { variables: { file: null } };
  const map = { f1: ["variables.file"] };

  test.each<[string, FormData, string]>([
    [
      "map before operations",
      form({ map, operations, f1: file() }),
      "Misordered multipart fields; ‘map’ should follow ‘operations’",
    ],
    [
      "file before map",
      (() => {
        const body = new FormData();
        body.append("operations", JSON.stringify(operations));
        body.append("a", file());
        body.append("map", JSON.stringify(map));
        return body;
      })(),
      "Misordered multipart fields; files should follow ‘map’",
    ],
    ["no map", form({ operations }), "Missing multipart field ‘map’"],
    ["no field at all", new FormData(), "Missing multipart field ‘operations’"],
    [
      "operations that are no JSON",
      form({ operations: "{ x }", map, f1: file() }),
      "Invalid JSON in the ‘operations’ multipart field",
    ],
    [
      "the same with a large file",
      form({ operations: "{ x }", map, f1: file("a".repeat(7_000_000)) }),
      "Invalid JSON in the ‘operations’ multipart field",
    ],
    ...[null, true, ""].map((value): [string, FormData, string] => [
      `operations ${JSON.stringify(value)}`,
      form({ operations: JSON.stringify(value), map, f1: file() }),
      "Invalid type for the ‘operations’ multipart field: it accepts an object, or an array of them",
    ]),
    [
      "a map that is no JSON",
      form({ operations, map: "{ x }", f1: file() }),
      "Invalid JSON in the ‘map’ multipart field",
    ],
    ...[null, [], true, ""].map((value): [string, FormData, string] => [
      `map ${JSON.stringify(value)}`,
      form({ operations, map: JSON.stringify(value), f1: file() }),
      'Invalid type for the ‘map’ multipart field: it accepts an object such as {"0":["variables.chunk"]}',
    ]),
    [
      "a map entry that is no array",
      form({ operations, map: { f1: null } }),
      "Invalid type for the ‘map’ multipart field entry key ‘f1’ array",
    ],
    [
      "a map entry's item that is no string",
      form({ operations, map: { f1: [null] } }),
      "Invalid type for the ‘map’ multipart field entry key ‘f1’ array index ‘0’ value",
    ],
    [
      "a path into a string",
      form({ operations: { variables: "" }, map }),
      "Invalid object path for the ‘map’ multipart field entry key ‘f1’ array index ‘0’ value ‘variables.file’",
    ],
  ])("%s", async (_, body, message) => {
    expect(await refused(body)).toMatchObject({
      status: 400,
      code: "BAD_USER_INPUT",
      message: `${message} (${SPEC}).`,
    });
  });

  test("operations twice", async () => {
    const body = new FormData();
    body.append("operations", JSON.stringify({ query: "{ a }" }));
    body.append("operations", JSON.stringify({ query: "{ b }" }));
    body.append("map", "{}");
    expect(await refused(body)).toMatchObject({ status: 400, message: expect.stringContaining("more than one") });
  });

  test.each([
    ["a value that is not null", { variables: { file: "x" } }, "variables.file"],
    ["a variable that isn't there", { variables: {} }, "variables.file"],
    ["an array's index beyond its end", { variables: { files: [null] } }, "variables.files.1"],
    ["an array's length", { variables: { files: [null] } }, "variables.files.length"],
    ["an empty path", { variables: { file: null } }, ""],
    ["the prototype", { variables: {} }, "__proto__.polluted"],
    ["a prototype deeper down", { variables: {} }, "variables.__proto__.polluted"],
    ["an own property called __proto__", JSON.parse('{ "variables": { "__proto__": null } }'), "variables.__proto__"],
    ["the constructor's prototype", { variables: {} }, "constructor.prototype.polluted"],
    ["an inherited property", { variables: {} }, "variables.toString"],
  ])("a path to %s", async (_, target, path) => {
    const body = form({ operations: JSON.stringify(target), map: { f1: [path] }, f1: file() });
    expect((await refused(body)).message).toBe(
      `Invalid object path for the ‘map’ multipart field entry key ‘f1’ array index ‘0’ value ‘${path}’ (${SPEC}).`,
    );
    expect(Object.prototype).not.toHaveProperty("polluted");
  });

  test("the same path twice", async () => {
    const body = form({ operations, map: { f1: ["variables.file", "variables.file"] }, f1: file() });
    expect((await refused(body)).message).toContain("array index ‘1’ value ‘variables.file’");
  });

  test.each([
    ["a truncated header", `--${BOUNDARY}\r\nContent-Disposition`, "ends before its closing delimiter"],
    ["a malformed header", `--${BOUNDARY}\r\n Content-Disposition: form-data;\r\n\r\n`, "Malformed part header"],
    ["an empty body", "", "ends before its closing delimiter"],
  ])("%s", async (_, body, message) => {
    const { url, outcome } = await serve((request) => processMultipartRequest(request, LIMITS));
    await fetch(url, {
      method: "POST",
      headers: { "content-type": `multipart/form-data; boundary=${BOUNDARY}` },
      body,
    });
    await expect(outcome).rejects.toMatchObject({
      name: "RequestBodyError",
      status: 400,
      code: "BAD_USER_INPUT",
      message: expect.stringContaining(message),
    });
  });

  test("a file truncated by its sender: the upload's body throws", async () => {
    const { url, outcome } = await serve(async (request) => {
      const multipart = await processMultipartRequest(request, LIMITS);
      return buffer(copies(await fileOf(multipart)));
    });
    const headers = { "content-type": `multipart/form-data; boundary=${BOUNDARY}` };
    await fetch(url, { method: "POST", headers, body: `${FIELDS}${FILE_HEAD}abc\r\n--${BOUNDARY.slice(0, 4)}` });
    await expect(outcome).rejects.toMatchObject({ status: 400, message: expect.stringContaining("closing delimiter") });
  });

  test("another Content-Type", async () => {
    const { url, outcome } = await serve((request) => processMultipartRequest(request, LIMITS));
    await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
    await expect(outcome).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining("multipart/form-data"),
    });
  });
});

describe("a client that leaves", () => {
  const LEFT = { status: 499, message: "The client left before the whole request had arrived." };

  test("before the map: the request rejects", async () => {
    const { port, outcome } = await serve((request) => processMultipartRequest(request, LIMITS));
    const { socket } = await rawClient(port);
    socket.write(head(10_000) + FIELDS.slice(0, 100));
    await delay(50);
    socket.destroy();
    await expect(outcome).rejects.toMatchObject(LEFT);
  });

  test("before the request was looked at: it rejects", async () => {
    const { port, outcome } = await serve(async (request) => {
      await closed(request.socket);
      return processMultipartRequest(request, LIMITS);
    });
    const { socket } = await rawClient(port);
    socket.write(head(10_000) + FIELDS);
    await delay(50);
    socket.destroy();
    await expect(outcome).rejects.toMatchObject(LEFT);
  });

  test("before the file: the upload rejects, and nobody need listen", async () => {
    const { port, outcome } = await serve(async (request) => {
      const multipart = await processMultipartRequest(request, LIMITS);
      socket.destroy();
      await closed(request);
      await multipart.finish();
      return multipart;
    });
    const { socket } = await rawClient(port);
    socket.write(head(10_000) + FIELDS + FILE_HEAD.slice(0, 30));
    await expect(fileOf(await outcome)).rejects.toMatchObject(LEFT);
  });

  test.each([
    ["body", (upload: StreamedUpload) => copies(upload)],
    ["stream", (upload: StreamedUpload) => upload.createReadStream()],
  ])("in the middle of the file: its %s throws what never ends a file", async (_, read) => {
    let received = 0;
    const { port, outcome } = await serve(async (request) => {
      const multipart = await processMultipartRequest(request, LIMITS);
      for await (const piece of read(await fileOf(multipart))) {
        received += piece.length;
      }
    });
    const { socket } = await rawClient(port);
    socket.write(head(1_000_000) + FIELDS + FILE_HEAD);
    socket.write(Buffer.alloc(300_000));
    await until(() => received > 0);
    socket.destroy();
    await expect(outcome).rejects.toMatchObject(LEFT);
  });

  test("and a resolver that comes to the file only then: opening it throws", async () => {
    const { port, outcome } = await serve(async (request) => {
      const multipart = await processMultipartRequest(request, LIMITS);
      const upload = await fileOf(multipart);
      socket.destroy();
      await closed(request);
      return upload;
    });
    const { socket } = await rawClient(port);
    socket.write(`${head(1_000_000) + FIELDS + FILE_HEAD}abc`);
    const upload = await outcome;
    expect(() => upload.createReadStream()).toThrow(expect.objectContaining(LEFT));
    expect(() => upload.bytes[Symbol.asyncIterator]()).toThrow(expect.objectContaining(LEFT));
  });

  test("after the last byte: the file is whole", async () => {
    const { port, outcome } = await serve(async (request) => {
      const multipart = await processMultipartRequest(request, LIMITS);
      const body = copies(await fileOf(multipart));
      await until(() => request.readableEnded);
      socket.destroy();
      await closed(request.socket);
      return text(body);
    });
    const { socket } = await rawClient(port);
    socket.write(
      `${head(FIELDS.length + FILE_HEAD.length + 3 + FILE_TAIL.length) + FIELDS + FILE_HEAD}abc${FILE_TAIL}`,
    );
    expect(await outcome).toBe("abc");
  });
});

describe("the connection", () => {
  test("waits while nobody reads: the server takes in a little, and the client can't send more", async () => {
    const size = 64 * MIB;
    const { port, outcome } = await serve(async (request) => {
      const multipart = await processMultipartRequest(request, { ...LIMITS, maxFileSize: size });
      const upload = await fileOf(multipart);
      await delay(300);
      const taken = request.socket.bytesRead;
      let read = 0;
      for await (const piece of copies(upload)) {
        read += piece.length;
      }
      return { taken, read };
    });
    const { socket } = await rawClient(port);
    socket.write(head(FIELDS.length + FILE_HEAD.length + size + FILE_TAIL.length) + FIELDS + FILE_HEAD);
    socket.write(Buffer.alloc(size));
    socket.write(FILE_TAIL);
    const { taken, read } = await outcome;
    expect(taken).toBeLessThan(MIB);
    expect(read).toBe(size);
  });

  const answers = (client: RawClient) => client.received().split("HTTP/1.1 ").length - 1;

  test.each<[string, (multipart: MultipartRequest) => Promise<unknown>]>([
    ["not read", async () => {}],
    [
      "left in the middle",
      async (multipart) => {
        for await (const _ of copies(await fileOf(multipart))) {
          break;
        }
      },
    ],
    [
      "left by destroying its stream",
      async (multipart) => {
        const stream = (await fileOf(multipart)).createReadStream();
        await once(stream, "readable");
        stream.destroy();
      },
    ],
  ])("serves the next request when the file was %s", async (_, use) => {
    const { port } = await serve(async (request) => {
      const multipart = await processMultipartRequest(request, LIMITS);
      await use(multipart);
      await multipart.finish();
      await multipart.finish();
    });
    const client = await rawClient(port);
    const size = 9 * MIB;
    for (const count of [1, 2, 3]) {
      client.socket.write(head(FIELDS.length + FILE_HEAD.length + size + FILE_TAIL.length) + FIELDS + FILE_HEAD);
      client.socket.write(Buffer.alloc(size));
      client.socket.write(FILE_TAIL);
      await until(() => answers(client) === count);
    }
    expect(client.received()).not.toContain("500");
  });

  test("serves the next request when one was refused", async () => {
    const { port } = await serve((request) => processMultipartRequest(request, LIMITS));
    const client = await rawClient(port);
    const size = 9 * MIB;
    for (const count of [1, 2]) {
      client.socket.write(head(FILE_HEAD.length + size + FILE_TAIL.length) + FILE_HEAD);
      client.socket.write(Buffer.alloc(size));
      client.socket.write(FILE_TAIL);
      await until(() => answers(client) === count);
    }
  });

  test("is cut when what is left is more than a file may be", async () => {
    const { port, outcome } = await serve(async (request) => {
      const multipart = await processMultipartRequest(request, { ...LIMITS, maxFileSize: MIB });
      await multipart.finish();
      return { taken: request.socket.bytesRead, destroyed: request.destroyed };
    });
    const { socket } = await rawClient(port);
    socket.write(head(2 ** 40) + FIELDS + FILE_HEAD);
    socket.write(Buffer.alloc(32 * MIB));
    const { taken, destroyed } = await outcome;
    expect(destroyed).toBe(true);
    expect(taken).toBeLessThan(4 * MIB);
  });

  test("finish ends a reading that still goes on", async () => {
    const { port, outcome } = await serve(async (request) => {
      const multipart = await processMultipartRequest(request, LIMITS);
      const upload = await fileOf(multipart);
      const reading = buffer(copies(upload)).catch((error) => error);
      const finished = multipart.finish();
      client.socket.write(`abc${FILE_TAIL}`);
      await finished;
      expect(() => upload.createReadStream()).toThrow("answered before its file was read");
      return reading;
    });
    const client = await rawClient(port);
    client.socket.write(head(FIELDS.length + FILE_HEAD.length + 3 + FILE_TAIL.length) + FIELDS + FILE_HEAD);
    expect(await outcome).toMatchObject({ status: 400, message: "The request was answered before its file was read." });
  });

  test("finish before the file's header came: the upload rejects", async () => {
    const { port, outcome } = await serve(async (request) => {
      const multipart = await processMultipartRequest(request, LIMITS);
      const finished = multipart.finish();
      client.socket.write(`${FILE_HEAD}abc${FILE_TAIL}`);
      await finished;
      return multipart;
    });
    const client = await rawClient(port);
    const start = FIELDS + FILE_HEAD.slice(0, 20);
    client.socket.write(head(start.length + FILE_HEAD.length + 3 + FILE_TAIL.length) + start);
    await expect(fileOf(await outcome)).rejects.toMatchObject({ status: 400 });
  });
});
