import { buffer, text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { type MultipartRequest, processMultipartRequest } from "../../../src/graphql/multipart/graphql-multipart.ts";
import {
  closed,
  copies,
  FIELDS,
  FILE_HEAD,
  FILE_TAIL,
  fileOf,
  head,
  LIMITS,
  MIB,
  type RawClient,
  rawClient,
  serve,
  until,
} from "./multipart-exchange.ts";

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

  test("in the middle of the file: its reading throws what never ends a file", async () => {
    let received = 0;
    const { port, outcome } = await serve(async (request) => {
      const multipart = await processMultipartRequest(request, LIMITS);
      for await (const piece of copies(await fileOf(multipart))) {
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
      expect(() => upload.bytes[Symbol.asyncIterator]()).toThrow("answered before its file was read");
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
