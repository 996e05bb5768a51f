import { setTimeout as sleep } from "node:timers/promises";
import pLimit from "p-limit";
import { expect, onTestFinished, test } from "vitest";
import { Client, dataOf, failureOf, sha256 } from "../support/client.ts";
import { PatternedFile } from "../support/patterned-file.ts";
import { RoundRobin } from "../support/round-robin.ts";
import type { SpawnedServer } from "../support/spawned-server.ts";
import { Workspace } from "../support/workspace.ts";

const CHUNK_SIZE = 128 * 1024;
const AT_ONCE = 6;
const FILES = 3;
const CHUNKS = 24;

async function twoServers(settings: Record<string, string> = {}) {
  const workspace = await Workspace.create("mysql", settings);
  const servers = (await Promise.all([workspace.start(), workspace.start()])) as [SpawnedServer, SpawnedServer];
  return { workspace, servers };
}

/** As a client does that retries when a connection ends. */
async function insist<T>(call: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      // What fetch() throws where a connection fails.
      if (!(error instanceof TypeError) || performance.now() > deadline) throw error;
      await sleep(10);
    }
  }
}

test("uploads through a round-robin are completed though an instance is killed, and started again, in their midst", async () => {
  const { workspace, servers } = await twoServers();
  const proxy = await RoundRobin.start(servers.map((server) => server.url));
  onTestFinished(() => proxy.stop());
  const ada = await Client.register(proxy.url);
  const files = Array.from({ length: FILES }, (_, i) => new PatternedFile(CHUNKS * CHUNK_SIZE - i, `file ${i}`));
  const begin = ({ size }: PatternedFile, i: number) =>
    insist(() => ada.begin({ filename: `file ${i}`, size, chunkSize: CHUNK_SIZE, resumeKey: `file ${i}` }));
  const uploads = await Promise.all(files.map(begin));

  let acknowledged = 0;
  let broken = 0;
  async function sendChunk(i: number, index: number): Promise<void> {
    const bytes = files[i]?.chunk(index, CHUNK_SIZE) as Buffer;
    const send = () => ada.sendChunk(uploads[i].id, index, bytes);
    dataOf(
      await insist(() =>
        send().catch((error) => {
          broken++;
          throw error;
        }),
      ),
    );
    acknowledged++;
  }
  const limit = pLimit(AT_ONCE);
  /** The chunks of all files from one index up to another. */
  const sendAll = (from: number, to: number) =>
    limit.map(
      Array.from({ length: (to - from) * FILES }, (_, i) => i),
      (i) => sendChunk(i % FILES, from + Math.floor(i / FILES)),
    );

  const sending = sendAll(0, (CHUNKS * 3) / 4);
  await expect.poll(() => acknowledged, { interval: 1, timeout: 30_000 }).toBeGreaterThan((FILES * CHUNKS) / 4);
  await servers[0].end("SIGKILL");
  await sending;
  const again = await workspace.start();
  proxy.targets[0] = again.url;
  await sendAll((CHUNKS * 3) / 4, CHUNKS);
  expect(broken).toBeGreaterThan(0);
  for (const target of [...servers.map((server) => server.url), again.url]) {
    expect(proxy.answered.get(target)).toBeGreaterThan(0);
  }

  for (const [i, file] of files.entries()) {
    expect((await begin(file, i)).id).toBe(uploads[i].id);
    const { id } = uploads[i];
    const session = { receivedChunks: CHUNKS, receivedBytes: file.size, missing: [] };
    expect(await ada.session(id)).toMatchObject(session);
    const digest = file.digest(CHUNK_SIZE);
    const completed = await Promise.all([0, 1, 2].map(() => insist(() => ada.complete(id, digest))));
    for (const answer of completed) expect(dataOf(answer).completeUpload).toMatchObject({ id, digest });
    const query = "query ($id: ID!) { file(id: $id) { chunks(first: 1000) { index } } }";
    const { chunks } = (await ada.data(query, { id })).file;
    expect(chunks.map((chunk: { index: number }) => chunk.index)).toEqual([...Array(CHUNKS).keys()]);
    for (const url of [servers[1].url, again.url]) {
      const response = await new Client(url, ada.token).download(id);
      expect(sha256(new Uint8Array(await response.arrayBuffer()))).toBe(file.sha256());
    }
  }
});

test("nothing depends on which of two instances answers", async () => {
  const { servers } = await twoServers({ DEFAULT_QUOTA: String(4 * CHUNK_SIZE) });
  const one = await Client.register(servers[0].url);
  const two = new Client(servers[1].url, one.token);
  const file = new PatternedFile(2 * CHUNK_SIZE, "either");
  const input = { filename: "either.bin", size: file.size, chunkSize: CHUNK_SIZE, resumeKey: "key" };

  const { id } = await one.begin(input);
  expect((await two.begin(input)).id).toBe(id);
  expect(dataOf(await two.sendChunk(id, 0, file.chunk(0, CHUNK_SIZE))).uploadChunk.receivedChunks).toBe(1);
  expect((await one.session(id)).missing).toEqual([{ first: 1, last: 1 }]);
  dataOf(await one.sendChunk(id, 1, file.chunk(1, CHUNK_SIZE)));
  const storage = async (client: Client) =>
    (await client.data("{ me { storage { usedBytes reservedBytes } } }")).me.storage;
  expect(await storage(two)).toEqual({ usedBytes: 0, reservedBytes: file.size });
  dataOf(await two.complete(id));
  expect(await storage(one)).toEqual({ usedBytes: file.size, reservedBytes: 0 });

  const other = await two.begin({ ...input, resumeKey: "other" });
  const tooMuch = { input: { ...input, resumeKey: "third" } };
  const begin = "mutation ($input: BeginUploadInput!) { beginUpload(input: $input) { id } }";
  expect(await one.failure(begin, tooMuch)).toMatchObject({ code: "QUOTA_EXCEEDED" });
  dataOf(await one.abort(other.id));
  expect(failureOf(await two.sendChunk(other.id, 0, file.chunk(0, CHUNK_SIZE)))).toMatchObject({
    code: "UPLOAD_CLOSED",
    status: "ABORTED",
  });

  const create = "mutation ($id: ID!) { createDownloadLink(fileId: $id) { id url } }";
  const link = (await one.data(create, { id })).createDownloadLink;
  const opened = await fetch(`${two.url}${link.url}`);
  expect(sha256(new Uint8Array(await opened.arrayBuffer()))).toBe(file.sha256());
  await two.data("mutation ($id: ID!) { revokeDownloadLink(id: $id) }", { id: link.id });
  expect((await fetch(`${one.url}${link.url}`)).status).toBe(404);

  await one.data("mutation { logout }");
  expect(await two.data("{ me { id } }")).toEqual({ me: null });
  expect((await two.download(id)).status).toBe(401);
  expect(failureOf(await two.complete(id))).toMatchObject({ code: "UNAUTHENTICATED" });
});
