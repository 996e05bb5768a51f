import { randomUUID } from "node:crypto";
import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from "@aws-sdk/client-s3";
import { MemoryBudget } from "../../src/storage/s3/memory-budget.ts";
import type { S3Limits } from "../../src/storage/s3/s3-bucket.ts";
import { S3Node } from "../../src/storage/s3/s3-node.ts";
import type { StoredBlob } from "../../src/storage/storage-node.ts";
import { testBucket } from "../support/s3-bucket.ts";
import { MIB } from "./blobs.ts";
import type { NodeHarness } from "./storage-node-contract.ts";

export interface S3Harness extends NodeHarness {
  node: S3Node;
  prefix: string;
  /** The keys under the node's prefix, without it. */
  keys(): Promise<string[]>;
  put(name: string, bytes: Uint8Array): Promise<void>;
  get(name: string): Promise<Buffer>;
}

export interface S3HarnessOptions {
  /** Where the node sends its requests, if not to the store itself. */
  endpoint?: string;
  budget?: MemoryBudget;
  limits?: Partial<S3Limits>;
}

/** A claimed node in a prefix of its own. */
export async function openS3(options: S3HarnessOptions = {}): Promise<S3Harness> {
  const { client, endpoint, bucket } = await testBucket();
  const prefix = `test/${randomUUID()}`;
  const place = { bucket, prefix, endpoint: options.endpoint ?? endpoint, region: "us-east-1" };
  const budget = options.budget ?? new MemoryBudget(128 * MIB);
  const node = new S3Node({ name: "s3", place, budget, ...(options.limits ? { limits: options.limits } : {}) });
  await node.claim({ id: randomUUID(), deployment: randomUUID(), name: "s3" });

  const at = (name: string) => ({ Bucket: bucket, Key: `${prefix}/${name}` });
  const get = async (name: string) => {
    const { Body } = await client.send(new GetObjectCommand(at(name)));
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  };
  const put = async (name: string, bytes: Uint8Array) => {
    await client.send(new PutObjectCommand({ ...at(name), Body: bytes }));
  };
  return {
    node,
    prefix,
    get,
    put,
    async keys() {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: `${prefix}/` }));
      return Contents.map(({ Key = "" }) => Key.slice(prefix.length + 1)).sort();
    },
    async corrupt({ id }: StoredBlob, offset) {
      const bytes = await get(`blobs/${id}`);
      bytes.writeUInt8(bytes.readUInt8(offset) ^ 0x10, offset);
      await put(`blobs/${id}`, bytes);
    },
    async truncate({ id }, size) {
      await put(`blobs/${id}`, (await get(`blobs/${id}`)).subarray(0, size));
    },
    async lose({ id }) {
      await client.send(new DeleteObjectCommand(at(`blobs/${id}`)));
    },
  };
}
