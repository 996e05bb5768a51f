import { readdir, stat } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Client } from "../support/client.ts";
import { startService, type TestService } from "../support/service.ts";

const MIB = 1024 ** 2;

let service: TestService;
let client: Client;
beforeAll(async () => {
  service = await startService("sqlite", { DEFAULT_QUOTA: "2MiB", CHUNK_SIZE: "1MiB" });
  client = await Client.register(service.url);
});
afterAll(() => service.stop());

async function onDisk(): Promise<number> {
  const entries = await readdir(service.folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && /node\d/.test(entry.parentPath));
  const sizes = files.map((entry) =>
    stat(join(entry.parentPath, entry.name)).then(
      ({ size }) => size,
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** Sends bytes until it is answered, and watches what lies on the nodes meanwhile. */
function send(path: string, method: string, headers: Record<string, string>, bytes: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(service.url + path, { method, headers: { ...client.authorization, ...headers } }, (answer) => {
      answer.resume();
      sent.destroy();
      resolve(answer.statusCode ?? 0);
    });
    // Cut while it still sends, it has its answer.
    sent.on("error", (error) => void (sent.destroyed || reject(error)));
    let left = bytes;
    const more = () => {
      while (left > 0 && !sent.destroyed) {
        left -= 65_536;
        if (!sent.write(Buffer.alloc(65_536, 1))) return void sent.once("drain", more);
      }
      if (!sent.destroyed) sent.end();
    };
    more();
  });
}

test.each([
  ["with a checksum", { "upload-checksum": `sha1 ${Buffer.alloc(20).toString("base64")}` }],
  ["without one", {}],
])("an upload without a length takes no more than the quota leaves, %s", async (_name, headers) => {
  const tus = { "tus-resumable": "1.0.0" };
  const created = await fetch(`${service.url}/tus`, {
    method: "POST",
    headers: { ...client.authorization, ...tus, "upload-defer-length": "1" },
  });
  expect(created.status).toBe(201);
  const path = created.headers.get("location") as string;
  let most = 0;
  const watch = setInterval(
    () =>
      void onDisk().then((bytes) => {
        most = Math.max(most, bytes);
      }),
    20,
  );
  const append = { ...tus, "upload-offset": "0", "content-type": "application/offset+octet-stream", ...headers };
  const answers = await Promise.all([1, 2, 3].map(() => send(path, "PATCH", append, 64 * MIB)));
  clearInterval(watch);
  for (const status of answers) expect([409, 413]).toContain(status);
  expect(most).toBeLessThan(5 * MIB);
  const ended = await fetch(service.url + path, { method: "DELETE", headers: { ...client.authorization, ...tus } });
  expect(ended.status).toBe(204);
});

test("bodies with a checksum, sent by many at once, lie on the nodes twice at most", async () => {
  const tus = { "tus-resumable": "1.0.0" };
  const created = await fetch(`${service.url}/tus`, {
    method: "POST",
    headers: { ...client.authorization, ...tus, "upload-length": String(2 * MIB) },
  });
  const path = created.headers.get("location") as string;
  const checksum = { "upload-checksum": `sha1 ${Buffer.alloc(20).toString("base64")}` };
  const type = { "content-type": "application/offset+octet-stream", "content-length": String(2 * MIB) };
  const heads = { ...client.authorization, ...tus, ...checksum, ...type, "upload-offset": "0" };
  const held = Array.from({ length: 8 }, () => {
    const sent = request(service.url + path, { method: "PATCH", headers: heads });
    sent.on("error", () => {});
    // Its last byte doesn't come.
    sent.write(Buffer.alloc(2 * MIB - 1, 1));
    return sent;
  });
  await expect.poll(onDisk).toBeGreaterThan(3 * MIB);
  for (let look = 0; look < 10; look++) {
    expect(await onDisk()).toBeLessThanOrEqual(4 * MIB);
    await sleep(50);
  }
  for (const sent of held) sent.destroy();
  // The nodes' own files are there.
  await expect.poll(onDisk).toBeLessThan(1_000);
  await fetch(service.url + path, { method: "DELETE", headers: { ...client.authorization, ...tus } });
});

test("one chunk sent by many at once lies on the nodes twice at most", async () => {
  const { id } = await client.begin({ filename: "f", size: MIB, chunkSize: MIB });
  const before = await onDisk();
  let most = 0;
  const watch = setInterval(
    () =>
      void onDisk().then((bytes) => {
        most = Math.max(most, bytes - before);
      }),
    5,
  );
  const put = () => send(`/uploads/${id}/chunks/0`, "PUT", { "content-length": String(MIB) }, MIB);
  expect(await Promise.all(Array.from({ length: 60 }, put))).toEqual(Array(60).fill(200));
  clearInterval(watch);
  expect(most).toBeLessThan(3 * MIB);
});
