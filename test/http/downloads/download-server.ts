import { createHash, randomBytes } from "node:crypto";
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import Fastify, { type FastifyInstance } from "fastify";
import { afterEach, beforeEach, expect } from "vitest";
import { DataUnavailableError, NotFoundError, UnauthenticatedError } from "../../../src/errors.ts";
import type { DownloadAccess, DownloadableFile } from "../../../src/files/download-service.ts";
import { type Downloads, registerDownloadRoute } from "../../../src/http/downloads/download-route.ts";
import { handleError } from "../../../src/http/error-mapping.ts";
import type { ByteRange } from "../../../src/storage/storage-node.ts";

export const STEP = 64 * 1024;
export const MIB = 1024 ** 2;
export const GIB = 1024 ** 3;
/** Gives its bytes in one buffer that it uses again and again, as a storage node may. */
export class FakeDownloads implements Downloads {
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

  async find(id: string, access: DownloadAccess) {
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

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export let app: FastifyInstance;
export let port: number;
export let downloads: FakeDownloads;
export let logged: Record<string, unknown>[];
export let responses: number[];
export const bytes = randomBytes(300_000);

export async function serve(fake: FakeDownloads): Promise<void> {
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
  app.setErrorHandler((error: Error, request, reply) => handleError(error, request, reply));
  registerDownloadRoute(app, fake);
  await app.listen({ host: "127.0.0.1", port: 0 });
  port = (app.server.address() as AddressInfo).port;
}

export function open(headers: Record<string, string> = {}, path = "/files/download/f1", method = "GET") {
  return new Promise<IncomingMessage>((resolve, reject) => {
    const all = { authorization: "Bearer token", ...headers };
    httpRequest({ host: "127.0.0.1", port, path, method, headers: all, agent: false }, resolve)
      .on("error", reject)
      .end();
  });
}

/** Rejects where the connection is cut before Content-Length bytes came. */
export async function get(headers?: Record<string, string>, path?: string, method?: string): Promise<Answer> {
  const message = await open(headers, path, method);
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk);
  return { status: message.statusCode ?? 0, headers: message.headers, body: Buffer.concat(chunks) };
}

export const head = (headers?: Record<string, string>, path?: string) => get(headers, path, "HEAD");
export const json = (answer: Answer) => JSON.parse(answer.body.toString());
export const errors = () => logged.filter((line) => line["level"] === 50);

export function rawGet(extra = ""): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.write(`GET /files/download/f1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer token\r\n${extra}\r\n`);
  return socket;
}

/** Bytes; more than the kernel holds for both ends, whose buffers grow while a line is fast. */
export const KERNEL_BUFFERS = 128 * MIB;

/**
 * Reads nothing until it is told to, then rests now and then and says how far it is. In a process of its own, because
 * its buffers would be counted with the server's.
 */
export const SLOW_CLIENT = `
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
export function retainedBytes(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Waits until the source isn't asked any more. */
export async function untilQuiet(): Promise<void> {
  for (let before = -1; before !== downloads.pulled || before === 0; ) {
    before = downloads.pulled;
    await sleep(150);
  }
}

beforeEach(() => serve(FakeDownloads.of(bytes)));
afterEach(() => app.close());
