import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { Upload } from "graphql-upload-ts";
import { afterEach, expect } from "vitest";
import {
  type MultipartRequest,
  type MultipartRequestLimits,
  processMultipartRequest,
  type StreamedUpload,
} from "../../../src/graphql/multipart/graphql-multipart.ts";
import { RequestBodyError } from "../../../src/http/body/request-body-error.ts";

export const LIMITS: MultipartRequestLimits = { maxFieldSize: 100_000, maxFileSize: 10_000_000 };
export const BOUNDARY = "b0undary";
export const SPEC = "https://github.com/jaydenseric/graphql-multipart-request-spec";
export const MIB = 1024 * 1024;

export const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

export async function* copies({ bytes }: StreamedUpload): AsyncGenerator<Buffer> {
  for await (const piece of bytes) yield Buffer.from(piece);
}

export interface Served<T> {
  url: string;
  port: number;
  /** What the handler made of the first request; rejects with what it threw. */
  outcome: Promise<T>;
}

/** Answers each request 200 when the handler has returned, or 500 when it threw. */
export async function serve<T>(handler: (request: IncomingMessage) => Promise<T>): Promise<Served<T>> {
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

export function file(content: string | Buffer = "a", filename = "a.txt"): File {
  return new File([new Uint8Array(Buffer.from(content))], filename, { type: "text/plain" });
}

export function form(fields: Record<string, unknown>): FormData {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    body.append(name, value instanceof File || typeof value === "string" ? value : JSON.stringify(value));
  }
  return body;
}

export const ONE_FILE = { operations: { variables: { file: null } }, map: { f1: ["variables.file"] } };

export function uploadAt(operations: unknown, ...keys: (string | number)[]): Upload {
  const value = keys.reduce((holder, key) => (holder as Record<string | number, unknown>)[key], operations);
  expect(value).toBeInstanceOf(Upload);
  return value as Upload;
}

export function opened(upload: Upload): Promise<StreamedUpload> {
  return upload.promise as unknown as Promise<StreamedUpload>;
}

export function fileOf({ operations }: MultipartRequest): Promise<StreamedUpload> {
  return opened(uploadAt(operations, "variables", "file"));
}

/** Sends the form, and gives what the handler made of it. The client must have got its answer. */
export async function exchange<T>(
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

export async function refused(body: FormData, limits = LIMITS): Promise<RequestBodyError> {
  const error = await exchange(body, async () => {}, limits).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(RequestBodyError);
  return error;
}

export interface RawClient {
  socket: Socket;
  /** Everything that the server sent so far. */
  received: () => string;
}

export async function rawClient(port: number): Promise<RawClient> {
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

export function head(length: number, contentType = `multipart/form-data; boundary=${BOUNDARY}`): string {
  return `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: ${contentType}\r\nContent-Length: ${length}\r\n\r\n`;
}

export function field(name: string, value: unknown): string {
  return `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${JSON.stringify(value)}\r\n`;
}

export const FIELDS = field("operations", ONE_FILE.operations) + field("map", ONE_FILE.map);
export const FILE_HEAD = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="f1"; filename="a"\r\n\r\n`;
export const FILE_TAIL = `\r\n--${BOUNDARY}--\r\n`;

/** `once` would reject with the error that comes before. */
export function closed(emitter: NodeJS.EventEmitter): Promise<void> {
  return new Promise((resolve) => emitter.once("close", resolve));
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(5);
}
