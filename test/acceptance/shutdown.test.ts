import { createHash } from "node:crypto";
import { once } from "node:events";
import { Agent, get, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { ChunkRequest } from "../support/chunk-request.ts";
import { Client } from "../support/client.ts";
import type { Dialect } from "../support/databases.ts";
import { PatternedFile } from "../support/patterned-file.ts";
import { Workspace } from "../support/workspace.ts";

const MIB = 1024 * 1024;
/** More than the half second within which npm's echo of a signal counts as the same. */
const AFTER_THE_ECHO_MS = 700;
/** Less than the service waits for what it has to wait for, 20 s; a busy machine may need some of it. */
const PROMPT_MS = 15_000;

async function untilRefused(url: string): Promise<void> {
  for (;;) {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    const refused = await once(socket, "connect").then(
      () => false,
      (error) => error.code === "ECONNREFUSED",
    );
    socket.destroy();
    if (refused) return;
    await sleep(20);
  }
}

/** A server with an upload of one chunk, of which the first half is sent. */
async function withHalfAChunk(dialect: Dialect = "sqlite", settings: Record<string, string> = {}) {
  const workspace = await Workspace.create(dialect, settings);
  const server = await workspace.start();
  const client = await Client.register(server.url);
  const file = new PatternedFile(MIB, "half");
  const upload = await client.begin({ filename: "half.bin", size: file.size });
  const chunk = new ChunkRequest(client, upload.id, 0);
  chunk.send(file.bytes(0, file.size / 2));
  await expect.poll(() => workspace.temporaryFiles()).toHaveLength(1);
  return { workspace, server, client, file, upload, chunk };
}

test.each([
  ["sqlite", "1"],
  ["mysql", "2"],
] as const)(
  "SIGTERM: a chunk on its way gets its answer while new connections are refused, then the exit code is 0 (%s, %s workers)",
  async (dialect, WORKERS) => {
    const { workspace, server, client, file, upload, chunk } = await withHalfAChunk(dialect, { WORKERS });
    const ended = server.end("SIGTERM");
    await untilRefused(server.url);
    for (let at = file.size / 2; at < file.size; at += file.size / 16) {
      await sleep(100);
      const piece = file.bytes(at, at + file.size / 16);
      if (at + piece.length < file.size) chunk.send(piece);
      else void chunk.finish(piece);
    }
    expect(await chunk.answer).toMatchObject({ status: 200, data: { uploadChunk: { receivedChunks: 1 } } });
    const answeredAt = performance.now();
    expect(await ended).toBe(0);
    // The connection is kept alive by the client: it must not hold up the exit.
    expect(performance.now() - answeredAt).toBeLessThan(PROMPT_MS);

    const next = await workspace.start();
    expect(await new Client(next.url, client.token).session(upload.id)).toMatchObject({
      missing: [],
      receivedChunks: 1,
    });
  },
);

test("SIGTERM: a download on its way is finished, then the exit code is 0", async () => {
  const workspace = await Workspace.create("sqlite");
  const server = await workspace.start();
  const client = await Client.register(server.url);
  // More than the kernel takes off the server's hands.
  const file = new PatternedFile(32 * MIB, "download");
  const { id } = await client.upload("download.bin", file.bytes(0, file.size));
  const request = get(`${server.url}/files/download/${id}`, {
    agent: new Agent({ keepAlive: true }),
    headers: client.authorization,
  });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const hash = createHash("sha256");
  let ended: Promise<number | null> | undefined;
  for await (const buffer of response) {
    hash.update(buffer);
    ended ??= server.end("SIGTERM");
    await sleep(2);
  }
  expect(response.complete).toBe(true);
  expect(hash.digest("hex")).toBe(file.sha256());
  expect(await ended).toBe(0);
});

test("SIGTERM: connections on which nothing happens don't hold up the exit", async () => {
  const workspace = await Workspace.create("sqlite");
  const server = await workspace.start();
  const { hostname, port } = new URL(server.url);
  const silent = connect(Number(port), hostname);
  const kept = connect(Number(port), hostname);
  await Promise.all([once(silent, "connect"), once(kept, "connect")]);
  kept.write("GET /health/live HTTP/1.1\r\nHost: stowage\r\n\r\n");
  await once(kept, "data");
  const signalledAt = performance.now();
  expect(await server.end("SIGTERM")).toBe(0);
  expect(performance.now() - signalledAt).toBeLessThan(PROMPT_MS);
});

test("a signal that comes twice within half a second is one signal", async () => {
  const { server, file, chunk } = await withHalfAChunk();
  const ended = server.end("SIGINT");
  await sleep(100);
  server.process.kill("SIGINT");
  await untilRefused(server.url);
  expect(await chunk.finish(file.bytes(file.size / 2, file.size))).toMatchObject({ status: 200 });
  expect(await ended).toBe(0);
});

test("a second signal exits at once, with 130; the chunk that it cut off can be sent again", async () => {
  const { workspace, server, client, file, upload, chunk } = await withHalfAChunk();
  const ended = server.end("SIGTERM");
  await sleep(AFTER_THE_ECHO_MS);
  const signalledAt = performance.now();
  server.process.kill("SIGINT");
  expect(await ended).toBe(130);
  expect(performance.now() - signalledAt).toBeLessThan(PROMPT_MS);
  await expect(chunk.answer).rejects.toThrow();

  const next = new Client((await workspace.start()).url, client.token);
  expect((await next.session(upload.id)).missing).toEqual([{ first: 0, last: 0 }]);
  expect((await next.sendChunk(upload.id, 0, file.chunk(0, file.size))).errors).toBeUndefined();
});
