import { createHash, randomUUID } from "node:crypto";
import {
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { v7 } from "uuid";
import { describe, expect, test } from "vitest";
import { MemoryBudget } from "../../src/storage/s3/memory-budget.ts";
import { S3Node } from "../../src/storage/s3/s3-node.ts";
import { BLOCK_SIZE } from "../../src/storage/storage-node.ts";
import { testBucket } from "../support/s3-bucket.ts";
import { idsOf, MIB, makeBlob, readAll, readUntilEnd, store, writeBytes } from "./blobs.ts";
import { openS3 } from "./s3-harness.ts";
import { describeStorageNode } from "./storage-node-contract.ts";

describeStorageNode("S3Node", () => openS3());

const LARGE = 12 * MIB + 7;

async function openUploads(prefix: string): Promise<string[]> {
  const { client, bucket } = await testBucket();
  const command = new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: `${prefix}/` });
  return ((await client.send(command)).Uploads ?? []).map(({ Key = "" }) => Key.slice(prefix.length + 1));
}

describe("S3Node, a blob that goes in parts", () => {
  test.for([8 * MIB, 8 * MIB + 1, 10 * MIB, LARGE, 64 * MIB])(
    "%i bytes come back as they were written",
    async (size) => {
      const { node, prefix, keys } = await openS3();
      const blob = await store(node, size);
      expect((await readAll(node, blob)).equals(blob.bytes)).toBe(true);
      expect(await keys()).toEqual([`blobs/${blob.id}`, "stowage-node.json"]);
      expect(await openUploads(prefix)).toEqual([]);
    },
  );

  test("an id that exists is refused, and the old bytes stay", async () => {
    const { node, prefix } = await openS3();
    const blob = await store(node, LARGE);
    const writer = await node.create(blob.id, LARGE);
    await writeBytes(writer, Buffer.alloc(LARGE));
    await expect(writer.commit()).rejects.toMatchObject({ name: "BlobExistsError", blobId: blob.id, node: "s3" });
    await writer.abort();
    expect((await readAll(node, blob)).equals(blob.bytes)).toBe(true);
    expect(await openUploads(prefix)).toEqual([]);
  });

  test("abort at any time leaves neither blob nor parts, and gives the memory back", async () => {
    const budget = new MemoryBudget(64 * MIB);
    const { node, prefix } = await openS3({ budget });
    const id = v7();
    const half = await node.create(id, LARGE);
    await writeBytes(half, Buffer.alloc(11 * MIB));
    await half.abort();

    const writing = await node.create(id, LARGE);
    const write = writing.write([Buffer.alloc(LARGE)]);
    await Promise.all([writing.abort(), expect(write).rejects.toThrow("aborted")]);

    const committing = await node.create(id, LARGE);
    await writeBytes(committing, Buffer.alloc(LARGE));
    const commit = committing.commit().catch(() => {});
    await committing.abort();
    await commit;

    const committed = await node.create(id, LARGE);
    await writeBytes(committed, Buffer.alloc(LARGE));
    await committed.commit();
    expect(budget.held).toBe(0);
    await committed.abort();

    expect(await idsOf(node)).toEqual(new Set());
    expect(await openUploads(prefix)).toEqual([]);
    expect(budget.held).toBe(0);
  });

  test("an aborted signal stops the sending of a part, and frees the memory", async () => {
    const budget = new MemoryBudget(64 * MIB);
    const { node, prefix } = await openS3({ budget });
    const controller = new AbortController();
    const writer = await node.create(v7(), 64 * MIB, controller.signal);
    await writeBytes(writer, Buffer.alloc(6 * MIB));
    const reason = new Error("the client left");
    const writing = writeBytes(writer, Buffer.alloc(58 * MIB));
    controller.abort(reason);
    await expect(writing).rejects.toBe(reason);
    await writer.abort();
    expect(budget.held).toBe(0);
    expect(await openUploads(prefix)).toEqual([]);
  });

  test("removeLeftovers removes the parts of old uploads, not of those that still grow", async () => {
    const { client, bucket } = await testBucket();
    const { node, prefix } = await openS3();
    const before = new Date(Date.now() - 60_000);
    const Key = `${prefix}/blobs/${v7()}`;
    const at = { Bucket: bucket, Key };
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(at));
    await client.send(new UploadPartCommand({ ...at, UploadId, PartNumber: 1, Body: Buffer.alloc(5 * MIB) }));
    await client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: `${prefix}/somebody-elses` }));
    await node.removeLeftovers(before);
    expect(await openUploads(prefix)).toHaveLength(2);
    await node.removeLeftovers(new Date(Date.now() + 60_000));
    expect(await openUploads(prefix)).toEqual(["somebody-elses"]);
  });
});

describe("S3Node", () => {
  test("tells a blob that is missing from one that is corrupt and from a bucket that is gone", async () => {
    const { node, lose, truncate } = await openS3();
    const [lost, cut, empty] = [await store(node, 1000), await store(node, MIB), await store(node, 1000)];
    await lose(lost);
    await truncate(cut, MIB - 1);
    await truncate(empty, 0);
    const missing = { name: "MissingBlobError", blobId: lost.id, node: "s3" };
    expect((await readUntilEnd(node, lost)).error).toMatchObject(missing);
    const corrupt = (blobId: string) => ({ name: "CorruptBlobError", blobId, node: "s3", block: null });
    expect((await readUntilEnd(node, cut)).error).toMatchObject(corrupt(cut.id));
    expect((await readUntilEnd(node, empty)).error).toMatchObject(corrupt(empty.id));

    const { endpoint } = await testBucket();
    const place = { bucket: "stowage-never-made", prefix: "", endpoint, region: "us-east-1" };
    const gone = new S3Node({ name: "gone", place, budget: new MemoryBudget(MIB) });
    const message = `${endpoint}, bucket stowage-never-made failed: there is no such bucket (NoSuchBucket); create it`;
    expect((await readUntilEnd(gone, lost)).error).toMatchObject({ name: "S3Error", code: "NoSuchBucket" });
    await expect(gone.probe()).rejects.toThrow(message);
    await expect(gone.identity()).rejects.toThrow(message);
    await expect(gone.remove(lost)).rejects.toThrow(message);
    await expect(gone.setAside(lost.id)).rejects.toThrow(message);
    await expect(idsOf(gone)).rejects.toThrow(message);
    await expect(gone.removeLeftovers(new Date())).rejects.toThrow(message);
    await expect(store(gone, 1000)).rejects.toThrow(message);
  });

  test("list goes through all pages, and passes over what isn't a blob", async () => {
    const { client, bucket } = await testBucket();
    const { node, prefix, put } = await openS3();
    const ids = Array.from({ length: 1005 }, () => v7());
    for (let from = 0; from < ids.length; from += 50) {
      const some = ids
        .slice(from, from + 50)
        .map((id) => ({ Bucket: bucket, Key: `${prefix}/blobs/${id}`, Body: "x" }));
      await Promise.all(some.map((input) => client.send(new PutObjectCommand(input))));
    }
    await put("blobs/README", Buffer.from("x"));
    await put(`blobs/${v7()}/deeper`, Buffer.from("x"));
    expect(await idsOf(node)).toEqual(new Set(ids));
  });

  test("bytes that are not those of their sender's SHA-256 are refused by the store, and nothing is left", async () => {
    const { node, keys } = await openS3();
    const { id, bytes } = makeBlob(1000);
    const writer = await node.create(id, 1000);
    await writer.write([bytes]);
    const digest = createHash("sha256").update("others").digest();
    await expect(writer.commit({ size: 1000, sha256: digest })).rejects.toMatchObject({ name: "S3Error", status: 400 });
    await writer.abort();
    expect(await keys()).toEqual(["stowage-node.json"]);
  });

  test("every call that takes an id refuses one that isn't", async () => {
    const { node } = await openS3();
    const id = "../stowage-node.json";
    const writing = async () => {
      const writer = await node.create(id, 1);
      await writer.abort();
    };
    await expect(writing()).rejects.toThrow(TypeError);
    await expect(readAll(node, { ...makeBlob(1), id })).rejects.toThrow(TypeError);
    await expect(node.remove({ id })).rejects.toThrow(TypeError);
    await expect(node.setAside(id)).rejects.toThrow(TypeError);
    await expect(node.removeAside(id)).rejects.toThrow(TypeError);
    expect(await node.identity()).not.toBeNull();
  });

  test("what is set aside is neither read nor listed, and a good copy can take its place", async () => {
    const { node, corrupt, get, keys } = await openS3();
    const blob = await store(node, BLOCK_SIZE);
    await corrupt(blob, 5);
    const bad = await get(`blobs/${blob.id}`);
    await node.setAside(blob.id);
    await node.setAside(blob.id);
    expect(await idsOf(node)).toEqual(new Set());
    expect((await readUntilEnd(node, blob)).error).toMatchObject({ name: "MissingBlobError" });
    expect((await get(`aside/${blob.id}`)).equals(bad)).toBe(true);

    const writer = await node.create(blob.id, blob.size);
    await writer.write([blob.bytes]);
    await writer.commit();
    expect((await readAll(node, blob)).equals(blob.bytes)).toBe(true);

    await node.setAside(blob.id);
    expect((await get(`aside/${blob.id}`)).equals(bad)).toBe(true);
    expect((await keys()).filter((key) => key.startsWith("aside/"))).toHaveLength(2);
    await node.removeAside(blob.id);
    await node.removeAside(blob.id);
    expect(await keys()).toEqual(["stowage-node.json"]);
  });

  test("a place is claimed once, and a probe finds out when it is another's", async () => {
    const { client, bucket, endpoint } = await testBucket();
    const prefix = `test/${randomUUID()}`;
    const place = { bucket, prefix, endpoint, region: "us-east-1" };
    const [one, two] = ["one", "two"].map((name) => new S3Node({ name, place, budget: new MemoryBudget(MIB) })) as [
      S3Node,
      S3Node,
    ];
    const identity = { id: randomUUID(), deployment: randomUUID(), name: "one" };
    expect(await one.identity()).toBeNull();
    await expect(one.probe()).rejects.toThrow("nobody has said yet");
    await one.claim(identity);
    await one.claim(identity);
    expect(await two.identity()).toEqual(identity);
    await expect(two.claim({ ...identity, id: randomUUID() })).rejects.toThrow("of this deployment");
    await expect(two.claim({ ...identity, deployment: randomUUID() })).rejects.toThrow("another deployment");
    expect(await one.identity()).toEqual(identity);
    expect(await one.probe()).toEqual({ freeBytes: null });

    const at = { Bucket: bucket, Key: `${prefix}/stowage-node.json` };
    await client.send(new PutObjectCommand({ ...at, Body: JSON.stringify({ ...identity, id: randomUUID() }) }));
    await expect(one.probe()).rejects.toThrow("of this deployment");
    await client.send(new PutObjectCommand({ ...at, Body: "<html>" }));
    await expect(one.probe()).rejects.toThrow("not as Stowage writes it");
  });

  test("of two that claim a place at once one wins", async () => {
    const { bucket, endpoint } = await testBucket();
    const place = { bucket, prefix: `test/${randomUUID()}`, endpoint, region: "us-east-1" };
    const identities = Array.from({ length: 4 }, () => ({ id: randomUUID(), deployment: randomUUID(), name: "n" }));
    const nodes = identities.map(() => new S3Node({ name: "n", place, budget: new MemoryBudget(MIB) }));
    const outcomes = await Promise.allSettled(nodes.map((node, index) => node.claim(identities[index] as never)));
    const winners = identities.filter((_, index) => outcomes[index]?.status === "fulfilled");
    expect(winners).toEqual([await nodes[0]?.identity()]);
  });

  test("64 chunks of 8 MiB at once hold no more than the budget", async () => {
    const budget = new MemoryBudget(32 * MIB);
    const { node } = await openS3({ budget });
    const bytes = Buffer.alloc(8 * MIB, 7);
    let most = 0;
    const one = async () => {
      const writer = await node.create(v7(), bytes.length);
      for (let offset = 0; offset < bytes.length; offset += MIB) {
        most = Math.max(most, budget.held);
        await writer.write([bytes.subarray(offset, offset + MIB)]);
      }
      await writer.commit();
    };
    await Promise.all(Array.from({ length: 64 }, one));
    expect(most).toBe(32 * MIB);
    expect(budget.held).toBe(0);
    expect((await idsOf(node)).size).toBe(64);
  });
});
