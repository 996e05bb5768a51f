import { writeFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { StowageClient } from "../../src/client/node.ts";
import { Client } from "../support/client.ts";
import { PatternedFile } from "../support/patterned-file.ts";
import { startService, type TestService } from "../support/service.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { idOf, TusRequests } from "../support/tus-requests.ts";

const CHUNK = 64 * 1024;
const SIZE = 100 * CHUNK + 77;
const OVERHEAD = 256 * 1024;
const retry = { baseDelayMs: 20, maxDelayMs: 200, giveUpAfterMs: 30_000 };
const bytes = new PatternedFile(SIZE, "download").bytes(0, SIZE);

let service: TestService;
let ada: Client;
let id: string;
let folder: string;

beforeAll(async () => {
  service = await startService("sqlite", { CHUNK_SIZE: "64KiB" });
  ada = await Client.register(service.url);
  const client = new StowageClient({ url: service.url, token: ada.token });
  ({ id } = await client.upload(new Blob([bytes]), { filename: "stored.bin" }).done);
});

afterAll(() => service.stop());

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "stowage-download-"));
  return () => rm(folder, { recursive: true, force: true });
});

async function startProxy(): Promise<TcpProxy> {
  const proxy = await TcpProxy.start(service.url);
  onTestFinished(() => proxy.stop());
  return proxy;
}

function clientOf(url = service.url): StowageClient {
  return new StowageClient({ url, token: ada.token, retry });
}

async function read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<Buffer> {
  return Buffer.from(await new Response(stream).arrayBuffer());
}

test("download: a stream gives every byte, with progress", async () => {
  const seen: number[] = [];
  const { file, stream } = await clientOf().download(id, { onProgress: (progress) => seen.push(progress.bytes) });
  expect(file.filename).toBe("stored.bin");
  expect(await read(stream)).toEqual(bytes);
  expect(seen[0]).toBe(0);
  expect(seen.at(-1)).toBe(SIZE);
});

test("download: an empty file gives none", async () => {
  const { id: empty } = await clientOf().upload(new Blob([]), { filename: "empty" }).done;
  expect(await read((await clientOf().download(empty)).stream)).toHaveLength(0);
});

test("download: after a cut it goes on where it was", async () => {
  const proxy = await startProxy();
  const cuts = [20, 50, 80].map((chunks) => chunks * CHUNK);
  proxy.onMoved = () => {
    if (cuts[0] === undefined || proxy.bytesDown < cuts[0]) return;
    cuts.shift();
    proxy.cut();
  };
  expect(await read((await clientOf(proxy.url).download(id)).stream)).toEqual(bytes);
  expect(cuts).toEqual([]);
});

test("download: a chunk that was changed on its way is fetched again", async () => {
  const proxy = await startProxy();
  let changed = 0;
  proxy.onDown = (data) => {
    if (proxy.bytesDown < 30 * CHUNK || changed > 0) return;
    data[data.length >> 1] = (data[data.length >> 1] as number) ^ 1;
    changed++;
  };
  expect(await read((await clientOf(proxy.url).download(id)).stream)).toEqual(bytes);
  expect(changed).toBe(1);
});

test("download: a chunk that is wrong each time fails, and not one of its bytes comes out", async () => {
  const proxy = await startProxy();
  // Wherever it comes, the byte at this position is another: bodies of other lengths than a chunk's are left alone.
  proxy.onDown = (data) => {
    const at = data.indexOf(bytes.subarray(30 * CHUNK + 5000, 30 * CHUNK + 5032));
    if (at !== -1) data[at] = (data[at] as number) ^ 1;
  };
  const path = join(folder, "out");
  await expect(clientOf(proxy.url).downloadTo(path, id)).rejects.toMatchObject({
    code: "DOWNLOAD_CORRUPT",
    facts: { index: 30 },
  });
  const [part = ""] = await readdir(folder);
  expect(part).toMatch(/\.part$/);
  expect(await readFile(join(folder, part))).toEqual(bytes.subarray(0, 30 * CHUNK));
});

test("download: chunks of any size, as tus leaves them, are verified, and continued after a cut", async () => {
  const tus = new TusRequests(ada);
  const whole = bytes.subarray(0, 10 * CHUNK);
  const path = await tus.create({ "upload-length": String(whole.length) });
  let offset = 0;
  for (const size of [1, 2 * CHUNK + 5, 100, 3 * CHUNK - 1, CHUNK, whole.length]) {
    const piece = whole.subarray(offset, offset + size);
    await tus.append(path, offset, piece);
    offset += piece.length;
  }
  const odd = idOf(path);
  const { file } = await ada.data("query ($id: ID!) { file(id: $id) { chunks { size } } }", { id: odd });
  expect(file.chunks.map(({ size }: { size: number }) => size)).toContain(5);

  const proxy = await startProxy();
  const cuts = [2, 5, 8].map((chunks) => chunks * CHUNK);
  let changed = 0;
  proxy.onMoved = () => {
    if (cuts[0] === undefined || proxy.bytesDown < cuts[0]) return;
    cuts.shift();
    proxy.cut();
  };
  proxy.onDown = (data) => {
    const at = data.indexOf(whole.subarray(4 * CHUNK + 5000, 4 * CHUNK + 5032));
    if (at === -1 || changed++ > 0) return;
    data[at] = (data[at] as number) ^ 1;
  };
  expect(await read((await clientOf(proxy.url).download(odd)).stream)).toEqual(whole);
  expect({ cuts, changed: changed > 0 }).toEqual({ cuts: [], changed: true });

  await writeFile(join(folder, `.stowage-${odd}.part`), whole.subarray(0, 3 * CHUNK));
  await clientOf().downloadTo(join(folder, "out"), odd);
  expect(await readFile(join(folder, "out"))).toEqual(whole);
});

test("downloadTo: the file is there whole, and nothing else", async () => {
  await clientOf().downloadTo(join(folder, "out"), id);
  expect(await readdir(folder)).toEqual(["out"]);
  expect(await readFile(join(folder, "out"))).toEqual(bytes);
});

test("downloadTo: what is there is overwritten only on demand", async () => {
  const path = join(folder, "out");
  await writeFile(path, "mine");
  await expect(clientOf().downloadTo(path, id)).rejects.toMatchObject({ code: "TARGET_EXISTS" });
  expect(await readFile(path, "utf8")).toBe("mine");
  await clientOf().downloadTo(path, id, { overwrite: true });
  expect(await readFile(path)).toEqual(bytes);
});

test("downloadTo: a file that somebody makes meanwhile stays theirs", async () => {
  const path = join(folder, "out");
  const onProgress = () => writeFileSync(path, "theirs");
  await expect(clientOf().downloadTo(path, id, { onProgress })).rejects.toMatchObject({ code: "TARGET_EXISTS" });
  expect(await readFile(path, "utf8")).toBe("theirs");
});

test("downloadTo: a later try continues what an earlier one left, but for bytes that aren't the file's", async () => {
  const path = join(folder, "out");
  const stop = new AbortController();
  const onProgress = (progress: { bytes: number }) => void (progress.bytes > 60 * CHUNK && stop.abort());
  await expect(clientOf().downloadTo(path, id, { signal: stop.signal, onProgress })).rejects.toThrow("abort");
  const [part = ""] = await readdir(folder);
  const left = await readFile(join(folder, part));
  left[40 * CHUNK + 1] = (left[40 * CHUNK + 1] as number) ^ 1;
  await writeFile(join(folder, part), left);

  const proxy = await startProxy();
  await clientOf(proxy.url).downloadTo(path, id);
  expect(await readFile(path)).toEqual(bytes);
  expect(await readdir(folder)).toEqual(["out"]);
  expect(proxy.bytesDown).toBeLessThan(SIZE - 40 * CHUNK + OVERHEAD);
});

test("download: an unknown id is NOT_FOUND", async () => {
  await expect(clientOf().download("01890000-0000-7000-8000-000000000000")).rejects.toMatchObject({
    code: "NOT_FOUND",
  });
});
