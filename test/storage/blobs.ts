import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { v7 } from "uuid";
import { onTestFinished } from "vitest";
import { BlockChecksums } from "../../src/storage/block-checksums.ts";
import type { BlobWriter, ByteRange, StorageNode, StoredBlob } from "../../src/storage/storage-node.ts";

export const MIB = 1024 * 1024;

export interface TestBlob extends StoredBlob {
  bytes: Buffer;
}

export function makeBlob(size: number, id = v7()): TestBlob {
  const bytes = randomBytes(size);
  return { id, size, bytes, checksums: checksumsOf(bytes), nodes: [] };
}

export function checksumsOf(bytes: Uint8Array): Uint8Array {
  const checksums = new BlockChecksums();
  checksums.update(bytes);
  return checksums.digest();
}

/** Writes in buffers of an odd size, several to a batch. */
export async function writeBytes(writer: BlobWriter, bytes: Buffer): Promise<void> {
  const step = 65_521;
  for (let offset = 0; offset < bytes.length; offset += 3 * step) {
    const batch = [0, 1, 2].map((index) => bytes.subarray(offset + index * step, offset + (index + 1) * step));
    await writer.write(batch);
  }
}

export async function store(node: StorageNode, size: number, id = v7()): Promise<TestBlob> {
  const blob = makeBlob(size, id);
  const writer = await node.create(blob.id, blob.size);
  await writeBytes(writer, blob.bytes);
  return { ...blob, nodes: await writer.commit(blob) };
}

/** Reads until the end or the error, copying each buffer as it may be overwritten. */
export async function readUntilEnd(
  node: Pick<StorageNode, "read">,
  blob: StoredBlob,
  range: ByteRange = { start: 0, end: blob.size },
): Promise<{ bytes: Buffer; error: unknown }> {
  const pieces: Buffer[] = [];
  try {
    for await (const buffer of node.read(blob, range)) pieces.push(Buffer.from(buffer));
  } catch (error) {
    return { bytes: Buffer.concat(pieces), error };
  }
  return { bytes: Buffer.concat(pieces), error: undefined };
}

export async function readAll(node: Pick<StorageNode, "read">, blob: StoredBlob, range?: ByteRange): Promise<Buffer> {
  const { bytes, error } = await readUntilEnd(node, blob, range);
  if (error !== undefined) throw error;
  return bytes;
}

export async function idsOf(node: StorageNode): Promise<Set<string>> {
  const ids = new Set<string>();
  for await (const { id } of node.list()) ids.add(id);
  return ids;
}

/** How many files of this process are open whose path has the text. */
export async function openFiles(text: string): Promise<number> {
  const links = await Promise.all(
    (await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")),
  );
  return links.filter((link) => link.includes(text)).length;
}

export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "stowage-storage-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
