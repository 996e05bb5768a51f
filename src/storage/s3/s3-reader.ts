import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { GetObjectCommand } from "@aws-sdk/client-s3";
import { SLAB_SIZE } from "../../streams/slab-pool.ts";
import { SlabReader } from "../../streams/slab-reader.ts";
import { CorruptBlobError, MissingBlobError } from "../blob-errors.ts";
import type { ByteRange, StoredBlob } from "../storage-node.ts";
import type { S3Bucket } from "./s3-bucket.ts";
import { isMissingObject, S3Error } from "./s3-error.ts";

/** Bodies in a row that may break before a whole block came. */
const BREAKS = 4;
const FIRST_PAUSE_MS = 100;

/**
 * Yields the range's raw bytes, block by block; two blocks at most and the socket's buffer lie between. A yielded buffer
 * is the caller's until it asks for the next one. A body that breaks is asked for anew, from its last whole block.
 * @param range whole blocks
 */
export async function* readObject(
  bucket: S3Bucket,
  blob: StoredBlob,
  range: ByteRange,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  let position = range.start;
  let breaks = 0;
  while (position < range.end) {
    const start = position;
    const body = await openBody(bucket, blob, { start, end: range.end }, signal);
    try {
      for await (const block of blocksOf(body, range.end - start, bucket.limits.inactivityMs, signal)) {
        position += block.length;
        yield block;
      }
    } catch (error) {
      signal?.throwIfAborted();
      breaks = position > start ? 1 : breaks + 1;
      if (breaks >= BREAKS) throw bucket.error("GetObject", error);
      await sleep(Math.random() * FIRST_PAUSE_MS * 2 ** breaks, undefined, { signal });
    }
  }
}

async function openBody(bucket: S3Bucket, blob: StoredBlob, range: ByteRange, signal?: AbortSignal): Promise<Readable> {
  const corrupt = (what: string) => new CorruptBlobError(blob.id, bucket.node, null, what);
  try {
    const command = new GetObjectCommand({
      Bucket: bucket.name,
      Key: bucket.blobKey("blobs", blob.id),
      Range: `bytes=${range.start}-${range.end - 1}`,
    });
    const { Body, ContentRange } = await bucket.get(command, signal);
    const body = Body as Readable;
    const [, start, size] = /^bytes (\d+)-\d+\/(\d+)$/.exec(ContentRange ?? "") ?? [];
    if (Number(size) === blob.size && Number(start) === range.start) return body;
    // Nobody reads it: without a listener its end, if it is an error, would count as uncaught.
    body.on("error", () => {}).destroy();
    if (size === undefined) throw new Error(`The store answered with ${ContentRange ?? "no range"}`);
    throw corrupt(`${size} bytes, not ${blob.size}`);
  } catch (error) {
    if (isMissingObject(error)) throw new MissingBlobError(blob.id, bucket.node, error);
    if (error instanceof S3Error && error.status === 416) throw corrupt(`it ends before byte ${range.start}`);
    throw error;
  }
}

/**
 * The body's bytes in slabs, which are blocks. Breaks it when nothing comes while somebody waits for it, and frees it also
 * where nobody asks any more.
 */
async function* blocksOf(
  body: Readable,
  size: number,
  inactivityMs: number,
  signal?: AbortSignal,
): AsyncGenerator<Buffer, void, void> {
  const cutOff = (cause?: Error) => new Error(`The body ended before its ${size} bytes`, { cause });
  const slabs = new SlabReader(body, {
    allowance: size,
    early: false,
    keepsArrived: false,
    tooMuch: () => new Error(`The body has more than its ${size} bytes`),
    cutOff,
  });
  let waiting = true;
  const timer = setTimeout(() => {
    if (waiting) body.destroy(new Error(`Nothing came for ${inactivityMs} ms`));
  }, inactivityMs);
  body.on("data", () => timer.refresh());
  const onAbort = () => body.destroy();
  signal?.addEventListener("abort", onAbort, { once: true });
  let left = size;
  try {
    signal?.throwIfAborted();
    for await (const slab of slabs) {
      // What is left of a block would be mixed with what the next body begins with.
      if (slab.length < SLAB_SIZE && slab.length < left) throw cutOff();
      left -= slab.length;
      waiting = false;
      yield slab;
      waiting = true;
      timer.refresh();
    }
    if (left > 0) throw cutOff();
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
    slabs.fail(new Error("Nobody reads on"));
    body.destroy();
  }
}
