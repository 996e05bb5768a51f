import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { expect, test } from "vitest";
import { Client, dataOf } from "../support/client.ts";
import { openRaw } from "../support/raw-request.ts";
import { launch } from "../support/spawned-server.ts";
import { Workspace } from "../support/workspace.ts";

/** The workers' process ids. */
function childrenOf(pid: number | undefined): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
}

test("a worker killed with -9 is replaced, and breaks nothing but its own connections", async () => {
  const workspace = await Workspace.create("mysql", { WORKERS: "2" });
  const server = await workspace.start();
  const before = childrenOf(server.process.pid);
  expect(before).toHaveLength(2);
  const client = await Client.register(server.url);
  const bytes = Buffer.alloc(40 * 65_536, "workers ");
  const upload = await client.begin({ filename: "w.bin", size: bytes.length, chunkSize: 65_536 });

  const [victim = 0] = before;
  for (let index = 0; index < 40; index++) {
    if (index === 10) process.kill(victim, "SIGKILL");
    const chunk = bytes.subarray(index * 65_536, (index + 1) * 65_536);
    // A request on one of the victim's connections fails; sent again, it finds the other worker.
    await client
      .sendChunk(upload.id, index, chunk)
      .catch(() => client.sendChunk(upload.id, index, chunk))
      .then(dataOf);
  }
  const { id } = dataOf(await client.complete(upload.id)).completeUpload;
  expect(Buffer.from(await (await client.download(id)).arrayBuffer())).toEqual(bytes);

  await expect
    .poll(() => childrenOf(server.process.pid).filter((pid) => pid !== victim).length, { timeout: 10_000 })
    .toBe(2);
  expect(await server.end("SIGTERM")).toBe(0);
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

test("a signal before all workers listen ends them all with 0, and what is in flight is answered", async () => {
  const workspace = await Workspace.create("mysql", { WORKERS: "4" });
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const primary = launch({ ...workspace.settings, PORT: String(port) });
  const exited = once(primary, "exit");
  const isReady = () =>
    fetch(`${url}/health/ready`).then(
      ({ status }) => status,
      () => 0,
    );
  await expect.poll(isReady, { interval: 10 }).toBe(200);
  const body = '{"query":"{ __typename }"}';
  const headers = { "content-type": "application/json", "content-length": String(body.length) };
  const requests = Array.from({ length: 10 }, () => openRaw(url, "POST /graphql HTTP/1.1", headers, body.slice(0, 5)));
  await expect.poll(isReady, { interval: 10 }).toBe(200);
  primary.kill("SIGTERM");
  await expect.poll(isReady, { interval: 10 }).toBe(0);
  for (const request of requests) request.send(body.slice(5));
  for (const request of requests) expect(await request.status).toBe(200);
  expect(await exited).toEqual([0, null]);
});
