import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Client, dataOf, failureOf, type GraphQLAnswer } from "../support/client.ts";
import { dialects } from "../support/databases.ts";
import { filesOnNodes } from "../support/node-folders.ts";
import { startService, type TestService } from "../support/service.ts";

const CHUNK = 65_536;
const MIB = 1024 * 1024;
const QUERY = `mutation ($id: ID!, $chunk: Upload!) {
  uploadChunk(uploadId: $id, index: 0, chunk: $chunk) { receivedChunks }
}`;
const TWICE = `mutation ($id: ID!, $chunk: Upload!) {
  one: uploadChunk(uploadId: $id, index: 0, chunk: $chunk) { receivedChunks }
  two: uploadChunk(uploadId: $id, index: 1, chunk: $chunk) { receivedChunks }
}`;
const MAP = '{"0":["variables.chunk"]}';

type Field = [name: string, value: string | Blob];

describe.each(dialects)("multipart requests on %s", (dialect) => {
  let service: TestService;
  let ada: Client;
  let id: string;
  const bytes = randomBytes(CHUNK);
  const file = new Blob([bytes]);

  beforeAll(async () => {
    service = await startService(dialect);
    ada = await Client.register(service.url);
  });
  afterAll(() => service.stop());
  beforeEach(async () => {
    id = (await ada.begin({ filename: "a.bin", size: 2 * CHUNK, chunkSize: CHUNK })).id;
  });

  const operations = (query = QUERY) => JSON.stringify({ query, variables: { id, chunk: null } });
  const headers = () => ({ "apollo-require-preflight": "yes", ...ada.authorization });

  async function send(...fields: Field[]): Promise<GraphQLAnswer> {
    const body = new FormData();
    for (const [name, value] of fields) body.append(name, value as string);
    const response = await fetch(`${service.url}/graphql`, { method: "POST", headers: headers(), body });
    return { status: response.status, ...((await response.json()) as Omit<GraphQLAnswer, "status">) };
  }

  function written(...parts: (string | Uint8Array)[]): Buffer {
    return Buffer.concat(parts.map((part) => Buffer.from(part as Uint8Array)));
  }
  const part = (name: string, more = "") => `--b\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n`;
  const head = () => `${part("operations")}${operations()}\r\n${part("map")}${MAP}\r\n`;

  async function sendRaw(body: Buffer, contentType = "multipart/form-data; boundary=b"): Promise<GraphQLAnswer> {
    const all = { ...headers(), "content-type": contentType };
    const response = await fetch(`${service.url}/graphql`, {
      method: "POST",
      headers: all,
      body: new Uint8Array(body),
    });
    return { status: response.status, ...((await response.json()) as Omit<GraphQLAnswer, "status">) };
  }

  const unharmed = async () => {
    expect(await ada.session(id)).toMatchObject({ status: "OPEN", receivedChunks: 0 });
    expect(service.log.filter((line) => (line["level"] as number) >= 50)).toEqual([]);
  };

  test("stray fields, a file without a name and one with any name are taken", async () => {
    const answer = await send(["stray", "x"], ["operations", operations()], ["stray", "x"], ["map", MAP], ["0", file]);
    expect(dataOf(answer)).toEqual({ uploadChunk: { receivedChunks: 1 } });
    for (const naming of ['; filename=""\r\nContent-Type: application/octet-stream', '; filename="../../a\\b%0d%00"']) {
      const body = written(head(), part("0", naming), bytes, "\r\n--b--\r\n");
      expect(dataOf(await sendRaw(body))).toEqual({ uploadChunk: { receivedChunks: 1 } });
    }
  });

  /** Fields, each `name` or `name=value`, in order; where no value is given, the right one. */
  function fieldsOf(text: string): Field[] {
    const right: Record<string, string> = { operations: operations(), map: MAP };
    return text.split(" ").map((field) => {
      const [name = "", value] = field.split("=", 2);
      return [name, value?.replace("LONG", operations() + " ".repeat(MIB)) ?? right[name] ?? file];
    });
  }

  test.each([
    ["no operations", "map 0", 400],
    ["no map", "operations", 400],
    ["the map before the operations", "map operations 0", 400],
    ["the file before the map", "operations 0 map", 400],
    ["operations that are no JSON", "operations={ map 0", 400],
    ["operations that are no object", "operations=null map 0", 400],
    ["operations over 1 MiB", "operations=LONG map 0", 413],
    ["a map that is no JSON", "operations map={ 0", 400],
    ["a map that is no object", "operations map=[] 0", 400],
    ["a map to no list", 'operations map={"0":"variables.chunk"} 0', 400],
    ["a map to nothing", 'operations map={"0":["variables.x"]} 0', 400],
    ["a map to a prototype", 'operations map={"0":["__proto__.x"]} 0', 400],
    ["a map to what is no null", 'operations map={"0":["variables.id"]} 0', 400],
    ["an empty map", "operations map={} 0", 400],
    ["two files in the map", 'operations map={"0":[],"1":[]} 0 1', 413],
    ["no file", "operations map", 200],
    ["a file of another name", "operations map 1", 200],
    ["two files", "operations map 0 1", 200],
  ])("%s: BAD_USER_INPUT, and nothing stored", async (_, fields, status) => {
    const stored = await filesOnNodes(service.folder);
    const answer = await send(...fieldsOf(fields));
    expect(answer.status).toBe(status);
    expect(failureOf(answer)).toMatchObject({ code: "BAD_USER_INPUT", requestId: expect.any(String) });
    await unharmed();
    expect(await filesOnNodes(service.folder)).toEqual(stored);
  });

  test("a batch is refused", async () => {
    const answer = await send(["operations", `[${operations()}]`], ["map", '{"0":["0.variables.chunk"]}'], ["0", file]);
    expect([answer.status, answer.errors?.[0]?.message]).toEqual([400, "Operation batching disabled."]);
    await unharmed();
  });

  test("a file larger than any chunk may be is FILE_TOO_LARGE", async () => {
    const large = new Blob([new Uint8Array(64 * MIB + 1)]);
    const answer = await send(["operations", operations()], ["map", MAP], ["0", large]);
    expect(failureOf(answer).code).toBe("FILE_TOO_LARGE");
    await unharmed();
  });

  test("a chunk that is no file part is BAD_USER_INPUT", async () => {
    for (const chunk of [null, "bytes", 5, {}]) {
      expect(await ada.failure(QUERY, { id, chunk })).toMatchObject({ code: "BAD_USER_INPUT", field: "chunk" });
    }
    await unharmed();
  });

  test("a file for two chunks is read for the first", async () => {
    const answer = await send(["operations", operations(TWICE)], ["map", MAP], ["0", file]);
    expect(failureOf(answer).code).toBe("BAD_USER_INPUT");
    expect(answer.errors?.[0]?.path).toEqual(["two"]);
    expect((await ada.session(id)).receivedChunks).toBe(1);
  });

  test("a body that is malformed or ends early is BAD_USER_INPUT, and nothing stored", async () => {
    const stored = await filesOnNodes(service.folder);
    const whole = written(head(), part("0", '; filename="x"'), bytes, "\r\n--b--\r\n");
    for (const end of [10, head().length - 5, head().length + 20, whole.length - 100, whole.length - 8]) {
      expect(failureOf(await sendRaw(whole.subarray(0, end))), `${end}`).toMatchObject({ code: "BAD_USER_INPUT" });
    }
    for (const type of [
      "multipart/form-data",
      "multipart/form-data; boundary=",
      "multipart/form-data; boundary=other",
    ]) {
      expect(failureOf(await sendRaw(whole, type)), type).toMatchObject({ code: "BAD_USER_INPUT" });
    }
    await unharmed();
    expect(await filesOnNodes(service.folder)).toEqual(stored);
    expect(dataOf(await sendRaw(whole))).toEqual({ uploadChunk: { receivedChunks: 1 } });
  });

  test("a client that leaves in the middle leaves nothing", async () => {
    const stored = await filesOnNodes(service.folder);
    const body = written(head(), part("0", '; filename="x"'), bytes.subarray(0, CHUNK / 2));
    const lines = Object.entries({ ...headers(), "content-type": "multipart/form-data; boundary=b" });
    const lead = [
      "POST /graphql HTTP/1.1",
      "host: x",
      "content-length: 70000",
      ...lines.map((line) => line.join(": ")),
    ];
    const socket = connect(Number(new URL(service.url).port), "127.0.0.1");
    socket.write(Buffer.concat([Buffer.from(`${lead.join("\r\n")}\r\n\r\n`), body]));
    await expect.poll(() => filesOnNodes(service.folder)).toHaveLength(stored.length + 1);
    socket.destroy();
    await expect.poll(() => filesOnNodes(service.folder)).toEqual(stored);
    await unharmed();
  });
});
