import { randomUUID } from "node:crypto";
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, paginateListObjectsV2 } from "@aws-sdk/client-s3";
import { LARGEST_RESERVATION, MemoryBudget } from "../../src/storage/s3/memory-budget.ts";
import { S3Node } from "../../src/storage/s3/s3-node.ts";
import type { PhysicalNode } from "../../src/storage/storage-node.ts";
import { FaultProxy, type Fault as ProxyFault } from "../support/fault-proxy.ts";
import { type TestBucket, testBucket } from "../support/s3-bucket.ts";
import type { S3Fault } from "./plan.ts";
import { flipBit, type Victim } from "./victim.ts";

/** A prefix of a bucket in a real store, which the service reaches through a proxy that harms what goes through. */
export class S3Victim implements Victim {
  readonly kind = "S3";
  readonly name: string;
  readonly #bucket: TestBucket;
  readonly #proxy: FaultProxy;
  readonly #prefix = `faults/${randomUUID()}`;

  private constructor(name: string, bucket: TestBucket, proxy: FaultProxy) {
    this.name = name;
    this.#bucket = bucket;
    this.#proxy = proxy;
  }

  static async create(name: string, onFinished: (cleanUp: () => void) => void): Promise<S3Victim> {
    const bucket = await testBucket();
    return new S3Victim(name, bucket, await FaultProxy.start(bucket.endpoint, onFinished));
  }

  get setting(): string {
    return `${this.name}=s3://${this.#bucket.bucket}/${this.#prefix}?endpoint=${this.#proxy.url}`;
  }

  /** The credentials. */
  get environment(): Record<string, string> {
    return this.#bucket.environment;
  }

  blobs(): Promise<string[]> {
    return this.#names("blobs");
  }

  async leftovers(): Promise<string[]> {
    return (await this.#names("aside")).map((name) => `aside/${name}`);
  }

  async bytes(id: string): Promise<Buffer | null> {
    try {
      const { Body } = await this.#bucket.client.send(new GetObjectCommand(this.#at(id)));
      return Buffer.from((await Body?.transformToByteArray()) ?? []);
    } catch (error) {
      if ((error as Error).name === "NoSuchKey") return null;
      throw error;
    }
  }

  async lose(id: string): Promise<boolean> {
    await this.#bucket.client.send(new DeleteObjectCommand(this.#at(id)));
    return true;
  }

  async flip(id: string, bit: number): Promise<boolean> {
    const bytes = await this.bytes(id);
    if (bytes === null) return false;
    flipBit(bytes, bit);
    // Not where it was removed meanwhile.
    const command = new PutObjectCommand({ ...this.#at(id), Body: bytes });
    await this.#bucket.client.send(command);
    return true;
  }

  /** The next requests meet it. */
  answer(how: S3Fault, times: number, cutAfter: number): void {
    const faults: Record<S3Fault, ProxyFault> = {
      "500": { times, fault: { answer: 500, code: "InternalError" } },
      SlowDown: { times, fault: { answer: 503, code: "SlowDown" } },
      "cut body": { method: "GET", times, fault: { cutAfter } },
      stall: { times, fault: { silence: true } },
      "lost answer": { times, fault: { lostAnswer: true } },
      "flipped bit": { method: "PUT", times, fault: { flippedBit: true } },
    };
    this.#proxy.faults.push(faults[how]);
  }

  async vanish(): Promise<void> {
    this.#proxy.faults = [{ times: Infinity, fault: { answer: 503, code: "ServiceUnavailable" } }];
  }

  async fill(): Promise<void> {
    throw new Error("A bucket has no bounds");
  }

  async relieve(): Promise<void> {
    this.#proxy.faults = [];
  }

  async open(): Promise<PhysicalNode> {
    const { bucket, endpoint } = this.#bucket;
    const place = { bucket, prefix: this.#prefix, endpoint, region: "us-east-1" };
    return new S3Node({ name: this.name, place, budget: new MemoryBudget(LARGEST_RESERVATION, 1) });
  }

  async #names(folder: "blobs" | "aside"): Promise<string[]> {
    const { client, bucket } = this.#bucket;
    const Prefix = `${this.#prefix}/${folder}/`;
    const names: string[] = [];
    for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix })) {
      for (const { Key = "" } of Contents) names.push(Key.slice(Prefix.length));
    }
    return names.sort();
  }

  #at(id: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket.bucket, Key: `${this.#prefix}/blobs/${id}` };
  }
}
