import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from "vitest";
import { StowageClient, StowageError } from "../../src/client/node.ts";
import { Client, fileDigest, sha256 } from "../support/client.ts";
import { PatternedFile } from "../support/patterned-file.ts";
import type { TestService } from "../support/service.ts";
import { startService } from "../support/service.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { Workspace } from "../support/workspace.ts";

const KIB = 1024;
const CHUNK = 64 * KIB;
const SIZE = 40 * CHUNK + 1234;
/** Bytes of headers and GraphQL, beside the chunks. */
const OVERHEAD = 256 * KIB;
const retry = { baseDelayMs: 20, maxDelayMs: 200, giveUpAfterMs: 30_000 };

let service: TestService;
let folder: string;
let ada: Client;

beforeAll(async () => {
  service = await startService("sqlite", { CHUNK_SIZE: "64KiB" });
  folder = await mkdtemp(join(tmpdir(), "stowage-client-"));
  ada = await Client.register(service.url);
});

afterAll(async () => {
  await service.stop();
  await rm(folder, { recursive: true, force: true });
});

function clientOf(url = service.url, options: { fetch?: typeof fetch; token?: string | undefined } = {}) {
  return new StowageClient({ url, token: ada.token, retry, ...options });
}

/** Writes a file with bytes of its own. */
async function makeFile(name: string, size = SIZE): Promise<{ path: string; bytes: Buffer }> {
  const bytes = new PatternedFile(size, name).bytes(0, size);
  const path = join(folder, name);
  await writeFile(path, bytes);
  return { path, bytes };
}

async function startProxy(target = service.url): Promise<TcpProxy> {
  const proxy = await TcpProxy.start(target);
  onTestFinished(() => proxy.stop());
  return proxy;
}

async function storedBytes(id: string): Promise<Buffer> {
  return Buffer.from(await (await ada.download(id)).arrayBuffer());
}

function uploadOf(error: unknown): StowageError {
  expect(error).toBeInstanceOf(StowageError);
  return error as StowageError;
}

test("upload: a path is stored byte for byte, under its name, with the digest that the client computed", async () => {
  const { path, bytes } = await makeFile("a path.bin");
  const seen: number[] = [];
  const file = await clientOf().upload(path, { contentType: "x/y", onProgress: (p) => seen.push(p.bytes) }).done;
  expect(file).toMatchObject({
    filename: "a path.bin",
    contentType: "x/y",
    size: SIZE,
    digest: fileDigest(bytes, CHUNK),
  });
  expect(await storedBytes(file.id)).toEqual(bytes);
  expect(seen[0]).toBe(0);
  expect(seen.at(-1)).toBe(SIZE);
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
});

test("upload: a File brings its name and type, and a Blob needs a name", async () => {
  const bytes = Buffer.from("all of it");
  const file = new File([bytes], "note.txt", { type: "text/plain" });
  const stored = await clientOf().upload(file).done;
  expect(stored).toMatchObject({ filename: "note.txt", contentType: "text/plain" });
  expect(await storedBytes(stored.id)).toEqual(bytes);
  await expect(clientOf().upload(new Blob([bytes])).done).rejects.toThrow("needs a filename");
});

test("upload: an empty file is a file like any other", async () => {
  const { path } = await makeFile("empty", 0);
  expect(await clientOf().upload(path).done).toMatchObject({ size: 0, digest: sha256(Buffer.alloc(0)) });
});

test("upload: cut connections cost no more than the chunks that were under way", async () => {
  const { path, bytes } = await makeFile("cut.bin");
  const proxy = await startProxy();
  const cuts = [5, 15, 25, 35].map((chunks) => chunks * CHUNK);
  const errors: string[] = [];
  proxy.onMoved = () => {
    if (cuts[0] === undefined || proxy.bytesUp < cuts[0]) return;
    cuts.shift();
    proxy.cut();
  };
  const upload = clientOf(proxy.url).upload(path, { maxParallel: 4, onRetry: ({ code }) => errors.push(code) });
  const file = await upload.done;
  expect(await storedBytes(file.id)).toEqual(bytes);
  expect(cuts).toEqual([]);
  expect(errors.length).toBeGreaterThanOrEqual(4);
  expect(new Set(errors)).toEqual(new Set(["NETWORK_ERROR"]));
  expect(proxy.bytesUp).toBeLessThan(SIZE + 4 * 4 * CHUNK + OVERHEAD);
});

test("upload: it outlives kill -9 of the server", async () => {
  const workspace = await Workspace.create("sqlite", { CHUNK_SIZE: "64KiB" });
  let server = await workspace.start();
  const proxy = await startProxy(server.url);
  const { token } = await Client.register(server.url);
  const { path, bytes } = await makeFile("killed.bin");
  const kills = [10 * CHUNK, 30 * CHUNK];
  let restarting = Promise.resolve();
  const client = clientOf(proxy.url, { token });
  const upload = client.upload(path, {
    onProgress(progress) {
      if (kills[0] === undefined || progress.bytes < kills[0]) return;
      kills.shift();
      restarting = (async () => {
        await server.end("SIGKILL");
        server = await workspace.start();
        proxy.target = server.url;
      })();
    },
  });
  const file = await upload.done;
  await restarting;
  expect(kills).toEqual([]);
  const { stream } = await client.download(file.id);
  expect(Buffer.from(await new Response(stream).arrayBuffer())).toEqual(bytes);
});

test("upload: a file that is written to meanwhile is noticed, and never completes", async () => {
  const { path } = await makeFile("written.bin");
  const written: Promise<void>[] = [];
  const upload = clientOf().upload(path, {
    maxParallel: 1,
    onProgress: ({ bytes }) => {
      if (bytes > 3 * CHUNK) written.push(appendFile(path, "more"));
    },
  });
  await expect(upload.done).rejects.toMatchObject({ code: "SOURCE_CHANGED" });
  await Promise.all(written);
  expect(await ada.session(upload.id ?? "")).toMatchObject({ status: "OPEN" });
});

test("upload: other bytes under the same resume key are noticed, and never complete", async () => {
  const { path } = await makeFile("first.bin");
  const stop = new AbortController();
  const first = clientOf().upload(path, {
    resumeKey: "the same",
    maxParallel: 1,
    signal: stop.signal,
    onProgress: ({ bytes }) => void (bytes > 9 * CHUNK && stop.abort()),
  });
  await expect(first.done).rejects.toThrow("abort");
  const { path: other } = await makeFile("second.bin");
  const second = clientOf().upload(other, { resumeKey: "the same" });
  await expect(second.done).rejects.toMatchObject({ code: "SOURCE_CHANGED" });
  expect(second.id).toBe(first.id);
  expect(await ada.session(second.id ?? "")).toMatchObject({ status: "OPEN" });
});

test("upload: the caller's signal leaves it to be continued, and only what is missing is sent", async () => {
  const { path, bytes } = await makeFile("continued.bin");
  const stop = new AbortController();
  const first = clientOf().upload(path, {
    signal: stop.signal,
    onProgress: (progress) => void (progress.bytes > 20 * CHUNK && stop.abort()),
  });
  await expect(first.done).rejects.toThrow("abort");
  expect(first.state).toBe("failed");

  const proxy = await startProxy();
  const again = clientOf(proxy.url).upload(path);
  const file = await again.done;
  expect(again.id).toBe(first.id);
  expect(await storedBytes(file.id)).toEqual(bytes);
  expect(proxy.bytesUp).toBeLessThan(SIZE - 20 * CHUNK + OVERHEAD);
});

test("upload: pause stops the sending, resume goes on", async () => {
  const { path, bytes } = await makeFile("paused.bin");
  let told = () => {};
  const paused = new Promise<void>((resolve) => {
    told = resolve;
  });
  let hasPaused = false;
  const upload = clientOf().upload(path, {
    onProgress(progress) {
      if (hasPaused || progress.bytes <= 10 * CHUNK) return;
      hasPaused = true;
      upload.pause();
      told();
    },
  });
  await paused;
  expect(upload.state).toBe("paused");
  const received = async () => (await ada.session(upload.id ?? "")).receivedBytes;
  // What was under way may still arrive; after that, nothing does.
  let before = -1;
  const stands = async () => {
    const last = before;
    before = await received();
    return last === before;
  };
  await expect.poll(stands, { interval: 200 }).toBe(true);
  expect(before).toBeLessThan(SIZE);
  upload.resume();
  expect(upload.state).toBe("running");
  const file = await upload.done;
  expect(upload.state).toBe("completed");
  expect(await storedBytes(file.id)).toEqual(bytes);
});

test("upload: abort gives it up on the server too, running or paused", async () => {
  const { path } = await makeFile("aborted.bin");
  for (const pauseFirst of [false, true]) {
    let begun = () => {};
    const moving = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const upload = clientOf().upload(path, { onProgress: ({ bytes }) => void (bytes > 0 && begun()) });
    upload.done.catch(() => {});
    await moving;
    if (pauseFirst) upload.pause();
    await upload.abort();
    await expect(upload.done).rejects.toMatchObject({ name: "AbortError" });
    expect(upload.state).toBe("aborted");
    expect(await ada.session(upload.id ?? "")).toMatchObject({ status: "ABORTED" });
  }
});

test("upload: abort before the server has answered gives it up as well", async () => {
  const { path } = await makeFile("aborted early.bin");
  const upload = clientOf().upload(path, { resumeKey: "aborted early" });
  upload.done.catch(() => {});
  await upload.abort();
  await expect(upload.done).rejects.toMatchObject({ name: "AbortError" });
  const { nodes } = await clientOf().uploadSessions();
  expect(nodes.map(({ filename }) => filename)).not.toContain("aborted early.bin");
});

test("upload: another process continues what one that was killed has begun", async () => {
  const { path, bytes } = await makeFile("another process.bin");
  const module = resolve(inject("buildFolder"), "client/node.js");
  const script = `
    const { StowageClient } = await import(${JSON.stringify(module)});
    const client = new StowageClient(${JSON.stringify({ url: service.url, token: ada.token })});
    const upload = client.upload(${JSON.stringify(path)}, {
      maxParallel: 1,
      onProgress: ({ bytes }) => { if (bytes >= ${10 * CHUNK}) process.kill(process.pid, "SIGKILL"); },
    });
    await upload.done;`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "inherit" });
  expect(await once(child, "exit")).toEqual([null, "SIGKILL"]);

  const proxy = await startProxy();
  const file = await clientOf(proxy.url).upload(path).done;
  expect(await storedBytes(file.id)).toEqual(bytes);
  expect(proxy.bytesUp).toBeLessThan(SIZE - 10 * CHUNK + OVERHEAD);
});

test("upload: two clients with the same file help each other, and both get the one file", async () => {
  const { path, bytes } = await makeFile("two.bin");
  const files = await Promise.all([1, 2].map(() => clientOf().upload(path).done));
  expect(files[0]?.id).toBe(files[1]?.id);
  expect(await storedBytes(files[0]?.id ?? "")).toEqual(bytes);
});

test("upload: the time of last modification is part of the resume key", async () => {
  const { path } = await makeFile("touched.bin");
  const stop = new AbortController();
  const begin = () => {
    const { signal } = stop;
    return clientOf().upload(path, { signal, onProgress: ({ bytes }) => void (bytes > 5 * CHUNK && stop.abort()) });
  };
  const first = begin();
  await expect(first.done).rejects.toThrow("abort");
  await utimes(path, 1, 1);
  const second = clientOf().upload(path);
  await second.done;
  expect(second.id).not.toBe(first.id);
});

/** A fetch that answers the first requests for chunks by itself. */
function refusing(times: number, status: number, headers: Record<string, string>) {
  const refused: number[] = [];
  const intercepted: typeof fetch = async (input, init) => {
    if (!String(input).includes("/chunks/") || refused.length >= times) return fetch(input, init);
    refused.push(performance.now());
    return new Response("<h1>Not now</h1>", { status, headers });
  };
  return { fetch: intercepted, refused };
}

test("upload: Retry-After is kept to", async () => {
  const { path } = await makeFile("later.bin", 2 * CHUNK);
  const { fetch, refused } = refusing(1, 503, { "retry-after": "1" });
  const file = await clientOf(service.url, { fetch }).upload(path, { maxParallel: 1 }).done;
  expect(performance.now() - (refused[0] ?? 0)).toBeGreaterThan(1000);
  expect(file.size).toBe(2 * CHUNK);
});

test("upload: what won't pass is not tried again", async () => {
  const { path } = await makeFile("refused.bin");
  const { fetch, refused } = refusing(Number.POSITIVE_INFINITY, 403, {});
  const upload = clientOf(service.url, { fetch }).upload(path, { maxParallel: 1 });
  await expect(upload.done).rejects.toMatchObject({ code: "UNEXPECTED_ANSWER", status: 403 });
  expect(refused).toHaveLength(1);
});

test("errors have the server's code and facts", async () => {
  const { path } = await makeFile("not mine.bin", 10);
  const error = uploadOf(
    await clientOf(service.url, { token: "wrong" })
      .upload(path)
      .done.catch((err) => err),
  );
  expect(error.code).toBe("UNAUTHENTICATED");
  const size = uploadOf(
    await clientOf()
      .upload(path, { chunkSize: 1 })
      .done.catch((err) => err),
  );
  expect(size).toMatchObject({ code: "BAD_USER_INPUT", facts: { field: "chunkSize" } });
});

test("a server that isn't there is a NETWORK_ERROR once patience is over", async () => {
  const client = new StowageClient({ url: "http://127.0.0.1:1", retry: { giveUpAfterMs: 50, baseDelayMs: 10 } });
  await expect(client.me()).rejects.toMatchObject({ code: "NETWORK_ERROR" });
});
