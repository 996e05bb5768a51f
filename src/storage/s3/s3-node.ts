import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { isUuid } from "../../runtime/uuid.ts";
import { blocksAround, verifyBlocks } from "../block-checksums.ts";
import { checkIdentity, IDENTITY_FILE, NodeIdentityError, parseIdentity, writtenIdentity } from "../node-identity.ts";
import type { ComingBlob } from "../preparation.ts";
import type {
  BlobWriter,
  ByteRange,
  ListedBlob,
  NodeIdentity,
  PhysicalNode,
  ProbeResult,
  StoredBlob,
} from "../storage-node.ts";
import type { MemoryBudget } from "./memory-budget.ts";
import { S3_LIMITS, S3Bucket, type S3Limits, type S3Place } from "./s3-bucket.ts";
import { isMissingObject, S3Error } from "./s3-error.ts";
import { removeOldUploads } from "./s3-leftovers.ts";
import { readObject } from "./s3-reader.ts";
import { memoryFor, S3Writer } from "./s3-writer.ts";

interface S3NodeOptions {
  name: string;
  place: S3Place;
  /** Shared by all S3 nodes of the process. */
  budget: MemoryBudget;
  limits?: Partial<S3Limits>;
}

/** A node that takes longer to say who it is, is of no use. */
const IDENTITY_MS = 10_000;

/** Keeps each blob as an object `blobs/<id>` under a prefix of a bucket. The bucket itself has to be there. */
export class S3Node implements PhysicalNode {
  readonly kind = "S3";
  readonly name: string;
  readonly #bucket: S3Bucket;
  readonly #budget: MemoryBudget;
  #claimed: NodeIdentity | undefined;

  constructor({ name, place, budget, limits }: S3NodeOptions) {
    this.name = name;
    this.#bucket = new S3Bucket(name, place, { ...S3_LIMITS, ...limits });
    this.#budget = budget;
  }

  async prepare({ id, size, owner, signal }: ComingBlob): Promise<() => void> {
    await this.#budget.reserve(id, memoryFor(size), { owner, signal });
    return () => this.#budget.release(id);
  }

  /** Resolves when there is memory for the blob: at once where that was prepared. */
  async create(id: string, size: number, signal?: AbortSignal): Promise<BlobWriter> {
    return await S3Writer.open({ bucket: this.#bucket, id, size, budget: this.#budget, signal });
  }

  async *read(blob: StoredBlob, range: ByteRange, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
    signal?.throwIfAborted();
    try {
      const raw = readObject(this.#bucket, blob, blocksAround(range, blob.size), signal);
      for await (const piece of verifyBlocks(raw, blob, range, this.name)) {
        yield piece;
        signal?.throwIfAborted();
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  }

  async remove({ id }: Pick<StoredBlob, "id">): Promise<void> {
    await this.#delete(this.#bucket.blobKey("blobs", id));
  }

  async *list(): AsyncGenerator<ListedBlob, void, void> {
    const prefix = this.#bucket.key("blobs/");
    for await (const { Key = "", Size = 0, LastModified } of this.#objects(prefix)) {
      const id = Key.slice(prefix.length);
      if (isUuid(id)) yield { id, size: Size, modifiedAt: LastModified ?? new Date() };
    }
  }

  async removeLeftovers(olderThan: Date): Promise<void> {
    await removeOldUploads(this.#bucket, olderThan);
  }

  async probe(): Promise<ProbeResult> {
    const found = await this.identity();
    if (this.#claimed === undefined) throw new NodeIdentityError(this.name, "nobody has said yet which node it is.");
    checkIdentity(this.name, this.#claimed, found);
    return { freeBytes: null };
  }

  async identity(): Promise<NodeIdentity | null> {
    try {
      const deadlineMs = Math.min(IDENTITY_MS, this.#bucket.limits.deadlineMs);
      const command = new GetObjectCommand(this.#at(this.#bucket.key(IDENTITY_FILE)));
      const { Body } = await this.#bucket.send(command, undefined, deadlineMs);
      return parseIdentity(this.name, (await Body?.transformToString()) ?? "");
    } catch (error) {
      if (isMissingObject(error)) return null;
      throw error;
    }
  }

  async claim(identity: NodeIdentity): Promise<void> {
    const command = new PutObjectCommand({
      ...this.#at(this.#bucket.key(IDENTITY_FILE)),
      Body: Buffer.from(writtenIdentity(identity)),
      ContentType: "application/json",
      IfNoneMatch: "*",
    });
    try {
      await this.#bucket.send(command);
    } catch (error) {
      if (!(error instanceof S3Error) || error.status !== 412) throw error;
      checkIdentity(this.name, identity, await this.identity());
    }
    this.#claimed = identity;
  }

  /** The copy is looked at before the original goes. What was set aside earlier stays as well. */
  async setAside(id: string): Promise<void> {
    const from = this.#bucket.blobKey("blobs", id);
    const first = this.#bucket.blobKey("aside", id);
    const to = (await this.#sizeOf(first)) === null ? first : `${first}.${Date.now()}`;
    const CopySource = `${this.#bucket.name}/${from}`.split("/").map(encodeURIComponent).join("/");
    try {
      await this.#bucket.send(new CopyObjectCommand({ ...this.#at(to), CopySource }));
    } catch (error) {
      if (isMissingObject(error)) return;
      throw error;
    }
    const [size, copied] = [await this.#sizeOf(from), await this.#sizeOf(to)];
    if (copied !== size) throw new Error(`${copied} bytes of blob ${id} were set aside on ${this.name}, not ${size}`);
    await this.#delete(from);
  }

  async removeAside(id: string): Promise<void> {
    for await (const { Key = "" } of this.#objects(this.#bucket.blobKey("aside", id))) await this.#delete(Key);
  }

  async *listAside(): AsyncGenerator<string, void, void> {
    const prefix = this.#bucket.key("aside/");
    for await (const { Key = "" } of this.#objects(prefix)) {
      // What was set aside again has its time after the id.
      const [id = ""] = Key.slice(prefix.length).split(".");
      if (isUuid(id)) yield id;
    }
  }

  async *#objects(Prefix: string) {
    let ContinuationToken: string | undefined;
    do {
      const page = await this.#bucket.send(
        new ListObjectsV2Command({ Bucket: this.#bucket.name, Prefix, ContinuationToken }),
      );
      yield* page.Contents ?? [];
      ContinuationToken = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (ContinuationToken !== undefined);
  }

  /** Null where there is no such object. */
  async #sizeOf(key: string): Promise<number | null> {
    try {
      return (await this.#bucket.send(new HeadObjectCommand(this.#at(key)))).ContentLength ?? 0;
    } catch (error) {
      if (isMissingObject(error)) return null;
      throw error;
    }
  }

  async #delete(key: string): Promise<void> {
    await this.#bucket.send(new DeleteObjectCommand(this.#at(key)));
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket.name, Key: key };
  }
}
