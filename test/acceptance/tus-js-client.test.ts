import { Readable } from "node:stream";
import { Upload, type UploadOptions } from "tus-js-client";
import { describe, expect, onTestFinished, test } from "vitest";
import { Client, sha256 } from "../support/client.ts";
import { CuttingProxy } from "../support/cutting-proxy.ts";
import { acceptanceDialects, type Dialect } from "../support/databases.ts";
import { PatternedFile } from "../support/patterned-file.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { Workspace } from "../support/workspace.ts";

const MIB = 1024 * 1024;
const SIZE = 16 * MIB + 12_345;
const KILLS = 4;
const seed = Number(process.env["STOWAGE_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

// The servers come back on another port, so clients find them through the proxy.
async function start(dialect: Dialect, patience: () => number = () => Number.POSITIVE_INFINITY) {
  const workspace = await Workspace.create(dialect, { CHUNK_SIZE: "1MiB" });
  let server = await workspace.start();
  const proxy = await CuttingProxy.start(server.url, patience);
  onTestFinished(() => proxy.stop());
  return {
    proxy,
    ada: await Client.register(server.url),
    restart: async () => {
      await server.end("SIGKILL");
      server = await workspace.start();
      proxy.target = server.url;
    },
  };
}

interface Finished {
  upload: Upload;
  id: string;
}

function send(
  source: Buffer | Readable,
  client: Client,
  proxy: CuttingProxy,
  options: UploadOptions,
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const upload = new Upload(source, {
      endpoint: `${proxy.url}/tus`,
      headers: { ...client.authorization },
      retryDelays: Array.from({ length: 40 }, (_, i) => Math.min(20 * 2 ** i, 1000)),
      metadata: { filename: "large.bin", filetype: "application/x-test" },
      onError: reject,
      onSuccess: () => resolve({ upload, id: upload.url?.split("/").at(-1) as string }),
      ...options,
    });
    upload.start();
  });
}

describe.each(acceptanceDialects("mysql"))(`tus-js-client on %s (seed ${seed})`, (dialect) => {
  const content = new PatternedFile(SIZE, "tus");
  const bytes = content.bytes(0, SIZE);

  async function check(proxy: CuttingProxy, { token }: Client, id: string) {
    const client = new Client(proxy.target, token);
    const query = `query ($id: ID!) {
      file(id: $id) { filename contentType size }
      files { totalCount }
      uploadSessions { nodes { id } }
      me { storage { usedBytes reservedBytes } }
    }`;
    expect(await client.data(query, { id })).toEqual({
      file: { filename: "large.bin", contentType: "application/x-test", size: SIZE },
      files: { totalCount: 1 },
      uploadSessions: { nodes: [] },
      me: { storage: { usedBytes: SIZE, reservedBytes: 0 } },
    });
    const served = Buffer.from(await (await client.download(id)).arrayBuffer());
    expect(sha256(served)).toBe(content.sha256());
  }

  test("uploads over a line that is cut again and again, and hardly a byte goes twice", async () => {
    const random = seededRandom(seed);
    const { proxy, ada } = await start(dialect, () => random.integer(1, 2 * MIB));
    const { id } = await send(bytes, ada, proxy, {});
    await check(proxy, ada, id);
    expect(proxy.cuts).toBeGreaterThan(4);
    // What was cut off had come before the cut; the rest is heads.
    expect(proxy.sent - SIZE).toBeLessThan(0.25 * SIZE);
  });

  test(`uploads to a server that is killed ${KILLS} times meanwhile`, async () => {
    const { proxy, ada, restart } = await start(dialect);
    let kills = 0;
    let restarting = Promise.resolve();
    const { id } = await send(bytes, ada, proxy, {
      chunkSize: 1.5 * MIB,
      onProgress: (sent) => {
        if (sent < ((kills + 1) * SIZE) / (KILLS + 1) || kills === KILLS) return;
        kills++;
        restarting = restarting.then(restart);
      },
    });
    await restarting;
    expect(kills).toBe(KILLS);
    await check(proxy, ada, id);
  });

  test("uploads parts in parallel over a bad line, and they become one file", async () => {
    const random = seededRandom(seed);
    const { proxy, ada } = await start(dialect, () => random.integer(MIB / 4, 4 * MIB));
    const { id } = await send(bytes, ada, proxy, { parallelUploads: 4 });
    await check(proxy, ada, id);
    expect(proxy.cuts).toBeGreaterThan(0);
  });

  test("uploads a stream of unknown length, with bytes in the first request", async () => {
    const { proxy, ada } = await start(dialect);
    const pieces = Array.from({ length: 17 }, (_, i) => bytes.subarray(i * MIB, (i + 1) * MIB));
    const { id } = await send(Readable.from(pieces, { objectMode: false }), ada, proxy, {
      chunkSize: 2 * MIB + 1,
      uploadLengthDeferred: true,
      uploadDataDuringCreation: true,
    });
    await check(proxy, ada, id);
  });

  test("another client goes on with what one began, and terminates it", async () => {
    const { proxy, ada } = await start(dialect, () => 3 * MIB);
    const half = new Promise<string>((resolve, reject) => {
      const upload = new Upload(bytes, {
        endpoint: `${proxy.url}/tus`,
        headers: { ...ada.authorization },
        retryDelays: [],
        metadata: { filename: "large.bin", filetype: "application/x-test" },
        onError: () => resolve(upload.url as string),
        onSuccess: () => reject(new Error("The line was not cut.")),
      });
      upload.start();
    });
    const uploadUrl = await half;
    const { id, upload } = await send(bytes, ada, proxy, { uploadUrl });
    await check(proxy, ada, id);
    await upload.abort(true);
    expect((await new Client(proxy.target, ada.token).download(id)).status).toBe(404);
  });
});
