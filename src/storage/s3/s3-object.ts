import { randomUUID } from "node:crypto";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { BlobExistsError } from "../blob-errors.ts";
import type { S3Bucket } from "./s3-bucket.ts";
import { isMissingObject, S3Error } from "./s3-error.ts";
import type { SignedBody } from "./signed-body.ts";

/**
 * An object in the making, by one request or in parts. It carries a token of its own in its metadata: when the answer to
 * a request was lost, the repetition finds the object there, and the token tells ours from another's.
 */
export class S3Object {
  readonly #bucket: S3Bucket;
  readonly #id: string;
  readonly #target: { Bucket: string; Key: string };
  readonly #token = randomUUID();
  readonly #parts: { PartNumber: number; ETag: string | undefined }[] = [];
  /** Bytes that were sent. */
  #size = 0;
  #uploadId: string | undefined;
  /** Whether the key may have the object, as far as we know. */
  #state: "absent" | "unknown" | "stored" = "absent";

  constructor(bucket: S3Bucket, id: string) {
    this.#bucket = bucket;
    this.#id = id;
    this.#target = { Bucket: bucket.name, Key: bucket.blobKey("blobs", id) };
  }

  /**
   * Stores the whole object.
   * @param sha256 of its bytes, if it is known
   * @throws BlobExistsError when another object has the key, even if it came meanwhile
   */
  async put(body: SignedBody, sha256: Uint8Array | undefined, signal: AbortSignal): Promise<void> {
    this.#size = body.bytes.length;
    const command = new PutObjectCommand({
      ...this.#target,
      Body: body.bytes,
      Metadata: { writer: this.#token },
      IfNoneMatch: "*",
    });
    await this.#store(() => this.#bucket.send(body.sign(command, sha256), signal), signal);
  }

  /** Sends the next part; the store wants 5 MiB at least, but for the last. */
  async putPart(body: SignedBody, signal: AbortSignal): Promise<void> {
    this.#uploadId ??= await this.#begin(signal);
    const PartNumber = this.#parts.length + 1;
    const command = new UploadPartCommand({
      ...this.#target,
      UploadId: this.#uploadId,
      PartNumber,
      Body: body.bytes,
    });
    const { ETag } = await this.#bucket.send(body.sign(command), signal);
    this.#parts.push({ PartNumber, ETag });
    this.#size += body.bytes.length;
  }

  /** @throws BlobExistsError when another object has the key */
  async refuseTaken(signal: AbortSignal): Promise<void> {
    if ((await this.#owner(signal)) !== null) throw new BlobExistsError(this.#id, this.#bucket.node);
  }

  /**
   * Makes the parts the object, after `refuseTaken`: not every store knows the condition here, and Ceph passes it over.
   * So an object that was there is safe, but of two writers of one key at the same moment both may seem to win. Ids are
   * made anew for each writer.
   * @throws BlobExistsError when another object has the key, where the store can tell
   */
  async complete(signal: AbortSignal): Promise<void> {
    const command = new CompleteMultipartUploadCommand({
      ...this.#target,
      UploadId: this.#uploadId,
      MultipartUpload: { Parts: this.#parts },
      IfNoneMatch: "*",
    });
    await this.#store(() => this.#bucket.send(command, signal), signal);
    this.#uploadId = undefined;
  }

  /** Takes back all that was sent. An object of another writer stays. */
  async discard(signal?: AbortSignal): Promise<void> {
    if (this.#uploadId !== undefined) {
      const command = new AbortMultipartUploadCommand({ ...this.#target, UploadId: this.#uploadId });
      await this.#bucket.send(command, signal).catch((error) => {
        if (!(error instanceof S3Error) || error.code !== "NoSuchUpload") throw error;
      });
      this.#uploadId = undefined;
    }
    if (this.#state === "unknown" && (await this.#owner(signal)) !== this.#token) this.#state = "absent";
    if (this.#state !== "absent") await this.#bucket.send(new DeleteObjectCommand(this.#target), signal);
    this.#state = "absent";
  }

  async #begin(signal: AbortSignal): Promise<string | undefined> {
    const command = new CreateMultipartUploadCommand({ ...this.#target, Metadata: { writer: this.#token } });
    return (await this.#bucket.send(command, signal)).UploadId;
  }

  async #store(request: () => Promise<unknown>, signal: AbortSignal): Promise<void> {
    this.#state = "unknown";
    try {
      await request();
    } catch (error) {
      // A repetition of our own request, whose first answer was lost, is refused as well.
      const refused = error instanceof S3Error && (error.status === 412 || error.code === "NoSuchUpload");
      if (!refused) throw error;
      const owner = await this.#owner(signal);
      if (owner !== this.#token) {
        this.#state = "absent";
        throw owner === null ? error : new BlobExistsError(this.#id, this.#bucket.node, error);
      }
    }
    this.#state = "stored";
  }

  /** The token of the object that has the key, an empty one if it has none; null where there is no whole object. */
  async #owner(signal?: AbortSignal): Promise<string | null> {
    try {
      const { Metadata, ContentLength } = await this.#bucket.send(new HeadObjectCommand(this.#target), signal);
      const token = Metadata?.["writer"] ?? "";
      return token === this.#token && ContentLength !== this.#size ? "" : token;
    } catch (error) {
      if (isMissingObject(error)) return null;
      throw error;
    }
  }
}
