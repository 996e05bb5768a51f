import { whenPrepared } from "../preparation.ts";
import type { BlobWriter, StorageNode, StoredBlob } from "../storage-node.ts";
import { eachInTime, inTime } from "./in-time.ts";

/** Milliseconds for each of the target's steps. */
const TIMEOUT_MS = 30_000;

/**
 * Copies a blob, verified on the way, and commits the copy. Rejects, and leaves nothing on the target, when it can't.
 * @returns the committed writer, whose `abort` takes the copy back
 */
export async function copyBlob(
  blob: StoredBlob,
  source: Pick<StorageNode, "read">,
  target: StorageNode,
  signal?: AbortSignal,
  timeoutMs = TIMEOUT_MS,
): Promise<BlobWriter> {
  let creating: Promise<BlobWriter> | undefined;
  try {
    const writer = await whenPrepared([target], { id: blob.id, size: blob.size, signal }, () => {
      creating = target.create(blob.id, blob.size, signal);
      return inTime(creating, timeoutMs);
    });
    for await (const buffer of eachInTime(source.read(blob, { start: 0, end: blob.size }, signal), timeoutMs)) {
      await inTime(writer.write([buffer]), timeoutMs);
    }
    await inTime(writer.commit({ checksums: blob.checksums }), timeoutMs);
    return writer;
  } catch (error) {
    const aborted = Promise.resolve(creating)
      .then((writer) => writer?.abort())
      .catch(() => {});
    // One that stalls goes on by itself, and ends with nothing left.
    await inTime(aborted, timeoutMs).catch(() => {});
    throw error;
  }
}
