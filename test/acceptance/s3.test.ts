import { randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { DeleteObjectsCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { describe, expect, onTestFinished, test } from "vitest";
import { ChunkRequest } from "../support/chunk-request.ts";
import { Client, dataOf, sha256 } from "../support/client.ts";
import { acceptanceDialects } from "../support/databases.ts";
import { FaultProxy } from "../support/fault-proxy.ts";
import { PatternedFile } from "../support/patterned-file.ts";
import { testBucket } from "../support/s3-bucket.ts";
import { type SpawnedServer, spawnServer } from "../support/spawned-server.ts";
import { Workspace } from "../support/workspace.ts";

const MIB = 1024 * 1024;

async function serve(settings: Record<string, string>): Promise<SpawnedServer> {
  const { environment } = await testBucket();
  const server = await spawnServer({ ...settings, ...environment });
  onTestFinished(async () => void (await server.end("SIGKILL")));
  return server;
}

async function keysUnder(prefix: string): Promise<string[]> {
  const { client, bucket } = await testBucket();
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
  return Contents.map(({ Key = "" }) => Key);
}

describe.each(acceptanceDialects("mysql"))("%s: two local nodes and one S3 node, two copies", (dialect) => {
  test("a file lies on all three, survives the loss of the bucket's blobs, and is removed from all", async () => {
    const { client: s3, bucket, endpoint } = await testBucket();
    const prefix = `acceptance/${randomUUID()}`;
    const { folder, settings } = await Workspace.create(dialect);
    const nodes = `${settings["STORAGE_NODES"]},archive=s3://${bucket}/${prefix}?endpoint=${endpoint}`;
    const server = await serve({ ...settings, STORAGE_NODES: nodes, REPLICAS: "2" });
    expect(server.output()).toContain(`archive s3://${bucket}/${prefix} at ${endpoint} (2 copies of each chunk)`);

    const client = await Client.register(server.url);
    const file = new PatternedFile(40 * MIB + 7, "mixed");
    const { id } = await client.upload("mixed.bin", file.bytes(0, file.size), { chunkSize: MIB });
    const large = new PatternedFile(20 * MIB + 7, "large chunks");
    const other = await client.upload("large.bin", large.bytes(0, large.size), { chunkSize: 10 * MIB });
    const download = async (fileId: string) =>
      sha256(new Uint8Array(await (await client.download(fileId)).arrayBuffer()));
    expect(await download(id)).toBe(file.sha256());
    expect(await download(other.id)).toBe(large.sha256());
    const range = await client.download(id, { range: `bytes=${3 * MIB - 1}-${30 * MIB}` });
    expect(sha256(new Uint8Array(await range.arrayBuffer()))).toBe(file.sha256(3 * MIB - 1, 30 * MIB + 1));

    const blobs = await keysUnder(`${prefix}/blobs/`);
    const local = await readdir(folder, { recursive: true, withFileTypes: true });
    const onDisk = local.filter((entry) => entry.isFile() && entry.parentPath.includes("/blobs/"));
    expect(blobs.length).toBeGreaterThan(5);
    expect(blobs.length + onDisk.length).toBe(2 * (41 + 3));

    await s3.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: blobs.map((Key) => ({ Key })) } }));
    expect(await download(id)).toBe(file.sha256());
    expect(await download(other.id)).toBe(large.sha256());

    dataOf(await client.deleteFile(id));
    dataOf(await client.deleteFile(other.id));
    await expect.poll(() => keysUnder(`${prefix}/blobs/`), { timeout: 15_000 }).toEqual([]);
    expect(await server.end("SIGTERM")).toBe(0);
  });
});

test("a store that is away when the server starts doesn't keep it from serving, and the log has no credentials", async () => {
  const { bucket, endpoint, environment } = await testBucket();
  const proxy = await FaultProxy.start(endpoint);
  proxy.faults = [{ method: "GET", times: 1e6, fault: { answer: 403, code: "InvalidAccessKeyId" } }];
  const { settings } = await Workspace.create("sqlite");
  const nodes = `${settings["STORAGE_NODES"]},archive=s3://${bucket}/away?endpoint=${proxy.url}`;
  const server = await serve({ ...settings, STORAGE_NODES: nodes, REPLICAS: "2" });
  const client = await Client.register(server.url);
  const file = new PatternedFile(3 * MIB, "without the store");
  const { id } = await client.upload("file.bin", file.bytes(0, file.size), { chunkSize: MIB });
  expect(sha256(new Uint8Array(await (await client.download(id)).arrayBuffer()))).toBe(file.sha256());
  await expect.poll(() => server.output()).toContain("doesn't accept the credentials (InvalidAccessKeyId)");
  expect(server.output()).not.toContain(environment["AWS_SECRET_ACCESS_KEY"]);
});

test("64 chunks of 8 MiB at once are held back by S3_MEMORY", async () => {
  const { bucket, endpoint } = await testBucket();
  const { settings } = await Workspace.create("sqlite");
  const nodes = `archive=s3://${bucket}/acceptance/${randomUUID()}?endpoint=${endpoint}`;
  const server = await serve({ ...settings, STORAGE_NODES: nodes, S3_MEMORY: "32MiB" });
  const client = await Client.register(server.url);
  const file = new PatternedFile(64 * 8 * MIB, "at once");
  const peak = async () => {
    const status = await readFile(join("/proc", String(server.process.pid), "status"), "utf8");
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
  };
  const upload = await client.begin({ filename: "file.bin", size: file.size, chunkSize: 8 * MIB });
  const before = await peak();
  await Promise.all(
    Array.from({ length: upload.totalChunks }, async (_, index) =>
      dataOf(await client.sendChunk(upload.id, index, file.chunk(index, 8 * MIB))),
    ),
  );
  const growth = (await peak()) - before;
  // The 64 connections alone take 90 MiB, and memory that was given back may wait for its collection.
  expect(growth).toBeLessThan(240 * MIB);
  dataOf(await client.complete(upload.id));
});

test("slow connections of some accounts keep nobody else from storing, and are no fault of the node", async () => {
  const { bucket, endpoint } = await testBucket();
  const { settings } = await Workspace.create("sqlite");
  const nodes = `archive=s3://${bucket}/acceptance/${randomUUID()}?endpoint=${endpoint}`;
  const server = await serve({ ...settings, STORAGE_NODES: nodes, S3_MEMORY: "32MiB", NODE_TIMEOUT: "3s" });
  const slow: ChunkRequest[] = [];
  const holdUp = async (count: number) => {
    const client = await Client.register(server.url);
    const { id } = await client.begin({ filename: "slow.bin", size: count * 8 * MIB, chunkSize: 8 * MIB });
    const requests = Array.from({ length: count }, (_, index) => new ChunkRequest(client, id, index));
    for (const request of requests) request.send(Buffer.alloc(1));
    slow.push(...requests);
  };
  const store = async () => {
    const client = await Client.register(server.url);
    const file = new PatternedFile(16 * MIB, client.token as string);
    return await client.upload("prompt.bin", file.bytes(0, file.size), { chunkSize: 8 * MIB });
  };
  await holdUp(13);
  await store();
  // These together hold all there is.
  await holdUp(2);
  await holdUp(2);
  await store();
  expect(slow.length).toBe(17);
  expect(server.output()).not.toContain('"node":"archive"');
  for (const request of slow) request.drop();
});
