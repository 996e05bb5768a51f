import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { GetObjectCommand } from "@aws-sdk/client-s3";
import { CorruptBlobError, MissingBlobError } from "./blob-errors.ts";
import type { S3Bucket } from "./s3-bucket.ts";
import { isMissingObject, S3Error } from "./s3-error.ts";
import { BLOCK_SIZE, type ByteRange, type StoredBlob } from "./storage-node.ts";

/** Bodies in a row that may break before a whole block came. */
const BREAKS = 4;
const FIRST_PAUSE_MS = 100;

/**
 * Yields the range's raw bytes as they come; only the socket's buffer lies between. A body that breaks is asked for anew
 * from where it broke.
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
      for await (const piece of inTime(body, bucket.limits.inactivityMs, signal)) {
        position += piece.length;
        yield piece;
      }
      if (position < range.end) throw new Error(`The body ended at byte ${position} of ${range.end}`);
    } catch (error) {
      signal?.throwIfAborted();
      breaks = position - start >= BLOCK_SIZE ? 1 : breaks + 1;
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

/** Breaks a body of which nothing comes while somebody waits for it. Frees it also where nobody asks any more. */
async function* inTime(body: Readable, inactivityMs: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  let waiting = true;
  const timer = setTimeout(() => {
    if (waiting) body.destroy(new Error(`Nothing came for ${inactivityMs} ms`));
  }, inactivityMs);
  const onAbort = () => body.destroy();
  signal?.addEventListener("abort", onAbort, { once: true });
  body.on("error", () => {});
  try {
    signal?.throwIfAborted();
    for await (const piece of body as AsyncIterable<Uint8Array>) {
      waiting = false;
      yield piece;
      waiting = true;
      timer.refresh();
    }
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
    body.destroy();
  }
}
