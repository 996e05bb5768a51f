import type { BlobWriter, StorageNode, StoredBlob } from "./storage-node.ts";

/**
 * Copies a blob, verified on the way, and commits the copy. Rejects, and leaves nothing on the target, when it can't.
 * @returns the committed writer, whose `abort` takes the copy back
 */
export async function copyBlob(
  blob: StoredBlob,
  source: Pick<StorageNode, "read">,
  target: StorageNode,
  signal?: AbortSignal,
): Promise<BlobWriter> {
  const writer = await target.create(blob.id, blob.size, signal);
  try {
    for await (const buffer of source.read(blob, { start: 0, end: blob.size }, signal)) await writer.write([buffer]);
    await writer.commit();
    return writer;
  } catch (error) {
    await writer.abort();
    throw error;
  }
}
