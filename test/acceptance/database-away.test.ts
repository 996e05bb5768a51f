import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client, dataOf, sha256 } from "../support/client.ts";
import { MySqlServer } from "../support/mysql-server.ts";
import { PatternedFile } from "../support/patterned-file.ts";
import { failToStart, type SpawnedServer } from "../support/spawned-server.ts";
import { Workspace } from "../support/workspace.ts";

const CHUNK_SIZE = 64 * 1024;
const CHUNKS = 120;
const AT_ONCE = 4;
/** A statement's ten seconds, five of waiting for a connection, and what a busy machine adds. */
const LONGEST_ANSWER_MS = 20_000;
const RECOVERY_MS = 30_000;

interface Answer {
  status: number;
  retryAfter: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they asked for
  body: any;
  ms: number;
}

describe("with the database away", () => {
  const cleanUps: (() => Promise<void>)[] = [];
  let mysql: MySqlServer;
  let workspace: Workspace;
  let server: SpawnedServer;
  let ada: Client;

  beforeAll(async () => {
    mysql = await MySqlServer.start();
    // Not root, whom a read-only server lets write.
    mysql.execute("create user stowage@'%' identified by ''; grant all on `stowage%`.* to stowage@'%'");
    const url = `${mysql.url.replace("root", "stowage")}/stowage_${randomBytes(4).toString("hex")}`;
    workspace = await Workspace.create("mysql", { DATABASE_URL: url }, (cleanUp) => void cleanUps.push(cleanUp));
    server = await workspace.start();
    ada = await Client.register(server.url);
  });
  afterAll(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
    await mysql.stop();
  });

  async function ask(path: string, init: RequestInit = {}): Promise<Answer> {
    const start = performance.now();
    const response = await fetch(`${server.url}${path}`, {
      ...init,
      headers: { ...ada.authorization, ...init.headers },
    });
    const text = await response.text();
    const body = text.startsWith("{") ? JSON.parse(text) : text;
    const ms = performance.now() - start;
    return { status: response.status, retryAfter: response.headers.get("retry-after"), body, ms };
  }

  const graphql = (query: string) =>
    ask("/graphql", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query }),
    });

  /** GraphQL's way to take a chunk and REST's, in turn. */
  function sendChunk(id: string, index: number, bytes: Buffer): Promise<Answer> {
    if (index % 2 === 0) {
      return ask(`/uploads/${id}/chunks/${index}`, { method: "PUT", body: bytes as Uint8Array<ArrayBuffer> });
    }
    const query = `mutation ($id: ID!, $index: Int!, $chunk: Upload!) {
      uploadChunk(uploadId: $id, index: $index, chunk: $chunk) { receivedChunks }
    }`;
    const form = new FormData();
    form.set("operations", JSON.stringify({ query, variables: { id, index, chunk: null } }));
    form.set("map", JSON.stringify({ 0: ["variables.chunk"] }));
    form.set("0", new Blob([bytes as Uint8Array<ArrayBuffer>]), "chunk");
    return ask("/graphql", { method: "POST", headers: { "apollo-require-preflight": "true" }, body: form });
  }

  /** Whether it succeeded; if not, that it was told so as it should be. */
  function succeeded({ status, retryAfter, body, ms }: Answer): boolean {
    expect(ms).toBeLessThan(LONGEST_ANSWER_MS);
    const error = status === 200 ? body.errors?.[0]?.extensions : body;
    if (error === undefined || error.code === undefined) return true;
    expect(error).toMatchObject({ code: "SERVICE_UNAVAILABLE", retryAfterSeconds: 5 });
    expect(retryAfter).toBe("5");
    expect([200, 503]).toContain(status);
    return false;
  }

  const isReady = async () => (await ask("/health/ready")).status === 200;

  const away: [how: string, leave: () => Promise<unknown>, comeBack: () => Promise<unknown>][] = [
    ["shut down and started again", () => mysql.end("SIGTERM"), () => mysql.startAgain()],
    ["killed with -9 and started again", () => mysql.end("SIGKILL"), () => mysql.startAgain()],
    ["paused and resumed", async () => mysql.pause(), async () => mysql.resume()],
  ];
  test.each(away)("an upload goes on where it was when MySQL is %s", async (how, leave, comeBack) => {
    const file = new PatternedFile(CHUNKS * CHUNK_SIZE, how);
    const { id } = await ada.begin({ filename: how, size: file.size, chunkSize: CHUNK_SIZE });
    const acknowledged = new Set<number>();
    const refused = new Set<number>();
    const indexes = [...Array(CHUNKS).keys()];
    const sendAll = async (sender: number) => {
      for (let index = indexes.shift(); index !== undefined; index = indexes.shift()) {
        while (!succeeded(await sendChunk(id, index, file.chunk(index, CHUNK_SIZE)))) {
          refused.add(sender);
          await sleep(100);
        }
        acknowledged.add(index);
      }
    };
    const sending = Promise.all(Array.from({ length: AT_ONCE }, (_, sender) => sendAll(sender)));
    // It is awaited in the end; until then a rejection must not count as unhandled.
    sending.catch(() => {});

    await expect.poll(() => acknowledged.size, { interval: 1, timeout: 10_000 }).toBeGreaterThan(CHUNKS / 12);
    await leave();
    expect(acknowledged.size).toBeLessThan(CHUNKS);
    const ready = await ask("/health/ready");
    expect(ready).toMatchObject({ status: 503, body: { status: "unavailable", database: "down" } });
    expect(ready.ms).toBeLessThan(5_000);
    expect(await ask("/health/live")).toMatchObject({ status: 200 });
    const many = Array.from({ length: 80 }, () => graphql("{ files { totalCount } }"));
    const others = [
      graphql('mutation { beginUpload(input: { filename: "a", size: 0 }) { id } }'),
      ask(`/files/download/${id}`),
    ];
    for (const answer of await Promise.all([...many, ...others])) expect(succeeded(answer)).toBe(false);
    expect(await ask("/health/live")).toMatchObject({ status: 200 });
    await expect.poll(() => refused.size, { timeout: LONGEST_ANSWER_MS }).toBe(AT_ONCE);
    await comeBack();

    await expect.poll(isReady, { interval: 100, timeout: RECOVERY_MS }).toBe(true);
    await sending;
    expect(acknowledged.size).toBe(CHUNKS);
    expect(await ada.session(id)).toMatchObject({ receivedChunks: CHUNKS, receivedBytes: file.size, missing: [] });
    expect(dataOf(await ada.complete(id, file.digest(CHUNK_SIZE))).completeUpload).toMatchObject({ size: file.size });
    const query = "query ($id: ID!) { file(id: $id) { chunks(first: 1000) { index } } }";
    expect((await ada.data(query, { id })).file.chunks).toHaveLength(CHUNKS);
    expect(sha256(new Uint8Array(await (await ada.download(id)).arrayBuffer()))).toBe(file.sha256());
  });

  test("a server can be ended, and another one says why it can't start, while MySQL says nothing", async () => {
    const other = await workspace.start();
    await new Client(other.url, ada.token).data("{ me { id } }");
    mysql.pause();
    try {
      const start = performance.now();
      expect(await other.end("SIGTERM")).toBe(0);
      // What it has under way is given up when the database has said nothing for 10 s, and is not begun again.
      expect(performance.now() - start).toBeLessThan(30_000);
      const { code, stderr } = await failToStart({ ...workspace.settings, LOG_LEVEL: "fatal" });
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringMatching(/^Stowage can't start: .*database.*\n$/),
      });
    } finally {
      mysql.resume();
    }
    await expect.poll(isReady, { interval: 100, timeout: RECOVERY_MS }).toBe(true);
  });

  test("what was acknowledged before a crash is there after it, and nothing was counted twice", async () => {
    const file = new PatternedFile(CHUNKS * CHUNK_SIZE, "crash");
    const { id } = await ada.begin({ filename: "crash", size: file.size, chunkSize: CHUNK_SIZE });
    for (let round = 0; round < 3; round++) {
      const acknowledged = new Set<number>();
      let crashed = false;
      const indexes = [...Array(CHUNKS).keys()].filter((index) => index % 3 === round);
      // Each twice, and never again.
      const sending = [0, 0, 1, 1].map(async (half) => {
        for (const index of indexes.filter((_, i) => i % 2 === half)) {
          if (crashed) return;
          if (succeeded(await sendChunk(id, index, file.chunk(index, CHUNK_SIZE)))) acknowledged.add(index);
        }
      });
      await expect.poll(() => acknowledged.size, { interval: 1, timeout: 10_000 }).toBeGreaterThan(2);
      await mysql.end("SIGKILL");
      crashed = true;
      await Promise.all(sending);
      await mysql.startAgain();
      await expect.poll(isReady, { interval: 100, timeout: RECOVERY_MS }).toBe(true);

      const { missing, receivedChunks } = await ada.session(id);
      const absent: number[] = missing.flatMap((range: { first: number; last: number }) =>
        Array.from({ length: range.last - range.first + 1 }, (_, i) => range.first + i),
      );
      expect(receivedChunks).toBe(CHUNKS - absent.length);
      expect(absent.filter((index) => acknowledged.has(index))).toEqual([]);
    }
  });

  test("a MySQL that was failed over to and takes no writes is SERVICE_UNAVAILABLE for those who write", async () => {
    await ada.upload("kept.bin", Buffer.from("kept"));
    const begin = 'mutation { beginUpload(input: { filename: "a", size: 0 }) { id } }';
    const connections = () =>
      mysql.execute("select id from information_schema.processlist where user = 'stowage'").split("\n").filter(Boolean);
    const before = connections();
    mysql.execute("set global read_only = on");
    for (let i = 0; i < 20; i++) expect(succeeded(await graphql(begin))).toBe(false);
    expect(succeeded(await graphql("{ files { totalCount } }"))).toBe(true);
    // The old connections led to a server that has been replaced.
    expect(connections().filter((id) => before.includes(id))).toEqual([]);
    mysql.execute("set global read_only = off");
    expect(succeeded(await graphql(begin))).toBe(true);

    await mysql.end("SIGTERM");
    await mysql.startAgain(["--read-only"]);
    // Whether it is ready depends on whether some work in the background has tried to write meanwhile.
    const reads = async () => succeeded(await graphql("{ files { totalCount } }"));
    await expect.poll(reads, { interval: 100, timeout: RECOVERY_MS }).toBe(true);
    expect(succeeded(await graphql(begin))).toBe(false);
    await mysql.end("SIGTERM");
    await mysql.startAgain();
    await expect.poll(async () => succeeded(await graphql(begin)), { interval: 100, timeout: RECOVERY_MS }).toBe(true);
  });
});
