import { createHash } from "node:crypto";
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, type TestContext, test } from "vitest";
import { ChunkRequest } from "../support/chunk-request.ts";
import { Client } from "../support/client.ts";
import { PatternedFile } from "../support/patterned-file.ts";
import { Workspace } from "../support/workspace.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
/** So slow that the socket's buffer, once full, isn't drained by a third within an idle timeout. */
const TRICKLE_BYTES_PER_S = 200 * KIB;
const TRICKLE_MS = 20_000;
const IDLE_TIMEOUT_MS = 2000;
const SETTINGS = { IDLE_TIMEOUT: "2s" };
/** Long before the default, a minute: this machine may be busy. */
const SOON_AFTER_MS = IDLE_TIMEOUT_MS + 18_000;
const LONG_MS = 3.2 * IDLE_TIMEOUT_MS;

async function start({ onTestFinished }: TestContext) {
  const workspace = await Workspace.create("sqlite", SETTINGS, onTestFinished);
  const server = await workspace.start();
  return { workspace, server, client: await Client.register(server.url) };
}

async function open(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** Milliseconds until the server closes the connection; throws when it takes much longer than the idle timeout. */
async function msUntilClosed(socket: Socket, startedAt = performance.now()): Promise<number> {
  socket.resume();
  await once(socket, "close", { signal: AbortSignal.timeout(SOON_AFTER_MS + 2000) });
  return performance.now() - startedAt;
}

async function startDownload(client: Client, id: string): Promise<IncomingMessage> {
  const request = get(`${client.url}/files/download/${id}`, { agent: false, headers: client.authorization });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return response;
}

describe.concurrent("with an IDLE_TIMEOUT of 2 s", () => {
  test("a chunk that trickles in for more than three times as long is taken", async (context) => {
    const { expect } = context;
    const { client } = await start(context);
    const file = new PatternedFile(200 * KIB, "trickle");
    const upload = await client.begin({ filename: "trickle.bin", size: file.size });
    const chunk = new ChunkRequest(client, upload.id, 0);
    const startedAt = performance.now();
    const piece = file.size / 20;
    for (let at = 0; at < file.size - piece; at += piece) {
      chunk.send(file.bytes(at, at + piece));
      await sleep(LONG_MS / 19);
    }
    expect(await chunk.finish(file.bytes(file.size - piece, file.size))).toMatchObject({ status: 200 });
    expect(performance.now() - startedAt).toBeGreaterThan(3 * IDLE_TIMEOUT_MS);
    expect((await client.complete(upload.id, file.digest(upload.chunkSize))).errors).toBeUndefined();
  });

  test("a client that falls silent in a chunk is dropped; nothing is left and the chunk can be sent again", async (context) => {
    const { expect } = context;
    const { client, workspace } = await start(context);
    const file = new PatternedFile(3 * MIB, "silent");
    const upload = await client.begin({ filename: "silent.bin", size: file.size });
    const chunk = new ChunkRequest(client, upload.id, 0);
    const sentAt = performance.now();
    chunk.send(file.bytes(0, 2 * MIB));
    await expect.poll(() => workspace.temporaryFiles()).toHaveLength(1);
    const silentSince = performance.now();
    await expect(chunk.answer).rejects.toThrow();
    expect(performance.now() - sentAt).toBeGreaterThan(IDLE_TIMEOUT_MS - 500);
    expect(performance.now() - silentSince).toBeLessThan(SOON_AFTER_MS);
    await expect.poll(() => workspace.temporaryFiles()).toEqual([]);
    expect((await client.session(upload.id)).missing).toEqual([{ first: 0, last: 0 }]);
    expect((await client.sendChunk(upload.id, 0, file.bytes(0, file.size))).errors).toBeUndefined();
    expect((await client.complete(upload.id, file.digest(upload.chunkSize))).errors).toBeUndefined();
  });

  test("a client that leaves in a chunk leaves nothing behind", async (context) => {
    const { expect } = context;
    const { client, workspace } = await start(context);
    const file = new PatternedFile(3 * MIB, "leaves");
    const upload = await client.begin({ filename: "leaves.bin", size: file.size });
    const chunk = new ChunkRequest(client, upload.id, 0);
    chunk.send(file.bytes(0, 2 * MIB));
    await expect.poll(() => workspace.temporaryFiles()).toHaveLength(1);
    chunk.drop();
    await expect.poll(() => workspace.temporaryFiles()).toEqual([]);
    expect((await client.session(upload.id)).receivedChunks).toBe(0);
  });

  test("a download that is read slowly for more than three times as long comes whole", async (context) => {
    const { expect } = context;
    const { client } = await start(context);
    const file = new PatternedFile(32 * MIB, "slow download");
    const { id } = await client.upload("slow.bin", file.bytes(0, file.size));
    const response = await startDownload(client, id);
    const startedAt = performance.now();
    const hash = createHash("sha256");
    let received = 0;
    for await (const buffer of response) {
      hash.update(buffer);
      received += buffer.length;
      await sleep(Math.max(0, startedAt + (received / file.size) * LONG_MS - performance.now()));
    }
    expect(performance.now() - startedAt).toBeGreaterThan(3 * IDLE_TIMEOUT_MS);
    expect([response.complete, hash.digest("hex")]).toEqual([true, file.sha256()]);
  });

  test("a download that trickles, so that the system seldom asks the server for more, goes on", async (context) => {
    const { expect } = context;
    const { client } = await start(context);
    const file = new PatternedFile(48 * MIB, "trickle");
    const { id } = await client.upload("trickle.bin", file.bytes(0, file.size));
    const response = await startDownload(client, id);
    const startedAt = performance.now();
    let received = 0;
    for await (const buffer of response) {
      received += buffer.length;
      const due = startedAt + (received / TRICKLE_BYTES_PER_S) * 1000;
      if (performance.now() - startedAt > TRICKLE_MS) break;
      await sleep(Math.max(0, due - performance.now()));
    }
    expect(performance.now() - startedAt).toBeGreaterThan(TRICKLE_MS);
  });

  test("a client that stops reading its download is dropped, and never gets a wrong byte", async (context) => {
    const { expect } = context;
    const { client, server } = await start(context);
    const file = new PatternedFile(48 * MIB, "stopped");
    const { id } = await client.upload("stopped.bin", file.bytes(0, file.size));
    const response = await startDownload(client, id);
    response.pause();
    await expect
      // Two timeouts show that it takes nothing, once the system's buffers are full.
      .poll(() => server.output(), { timeout: SOON_AFTER_MS + 2 * IDLE_TIMEOUT_MS, interval: 100 })
      .toContain("the client left before the end of the download");
    const hash = createHash("sha256");
    let received = 0;
    await expect(async () => {
      for await (const buffer of response) {
        hash.update(buffer);
        received += buffer.length;
      }
    }).rejects.toThrow("aborted");
    expect(received).toBeLessThan(file.size);
    expect(hash.digest("hex")).toBe(file.sha256(0, received));
  });

  test("a connection that never asks for anything is dropped", async (context) => {
    const { expect } = context;
    const { server } = await start(context);
    const openedAt = performance.now();
    const ms = await msUntilClosed(await open(server.url), openedAt);
    expect(ms).toBeGreaterThan(IDLE_TIMEOUT_MS - 500);
    expect(ms).toBeLessThan(SOON_AFTER_MS);
  });

  test("a connection that falls silent in its headers is dropped", async (context) => {
    const { expect } = context;
    const { server } = await start(context);
    const socket = await open(server.url);
    socket.write("GET /health/live HTTP/1.1\r\nHost: sto");
    expect(await msUntilClosed(socket)).toBeLessThan(SOON_AFTER_MS);
  });

  test("a connection is kept between requests, for as long as it says", async (context) => {
    const { expect } = context;
    const { server } = await start(context);
    const socket = await open(server.url);
    let askedAt = performance.now();
    for (const pause of [0, 0.3, 0.6]) {
      await sleep(pause * IDLE_TIMEOUT_MS);
      askedAt = performance.now();
      socket.write("GET /health/live HTTP/1.1\r\nHost: stowage\r\n\r\n");
      const [answer] = await once(socket, "data");
      expect(String(answer)).toContain("HTTP/1.1 200 OK");
      expect(String(answer)).toMatch(/keep-alive: timeout=2\b/i);
    }
    const ms = await msUntilClosed(socket, askedAt);
    expect(ms).toBeGreaterThan(IDLE_TIMEOUT_MS - 100);
    expect(ms).toBeLessThan(SOON_AFTER_MS);
  });
});
