import { type FileHandle, link, open, rename, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { sha256, toHex } from "../digests.ts";
import { type ChunkPosition, chunksOf, type DownloadOptions, verifiedChunks } from "../download.ts";
import { StowageError } from "../errors.ts";
import type { FileFieldsFragment } from "../operations.ts";
import type { Transport } from "../transport.ts";

export interface DownloadToOptions extends DownloadOptions {
  /** Replaces a file that is there already. */
  overwrite?: boolean | undefined;
}

/** Path at which a file's bytes are kept until they all are there. Its name tells which bytes: a file's never change. */
function partPath(path: string, { id }: FileFieldsFragment): string {
  // It becomes a part of a path.
  if (!/^[\w-]{1,64}$/.test(id)) {
    throw new StowageError("UNEXPECTED_ANSWER", "The server gave the file an id that is none.");
  }
  return join(dirname(path), `.stowage-${id}.part`);
}

/** @throws StowageError TARGET_EXISTS, DOWNLOAD_CORRUPT; what is good stays, and the next call continues it */
export async function downloadTo(
  transport: Transport,
  file: FileFieldsFragment,
  path: string,
  options: DownloadToOptions,
): Promise<void> {
  // First of all: a target that can't be isn't worth a download.
  if ((await exists(path)) && !options.overwrite) throw targetExists(path);
  const part = partPath(path, file);
  const handle = await open(part, "a+").then(async (appending) => {
    // "a+" makes it where it isn't there; "r+" writes at positions.
    await appending.close();
    return open(part, "r+");
  });
  try {
    const good = await findGood(handle, transport, file, options.signal);
    let position = good.bytes;
    await handle.truncate(position);
    for await (const bytes of verifiedChunks(transport, file, options, good)) {
      await writeAll(handle, bytes, position);
      position += bytes.length;
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  await place(part, path, options.overwrite ?? false);
}

/** Finds how many bytes at the beginning of what is there are the file's. */
async function findGood(
  handle: FileHandle,
  transport: Transport,
  file: FileFieldsFragment,
  signal: AbortSignal | undefined,
): Promise<ChunkPosition> {
  const good = { chunks: 0, bytes: 0 };
  const { size: present } = await handle.stat();
  if (present === 0) return good;
  for await (const { offset, size, sha256: expected } of chunksOf(transport, file.id)) {
    signal?.throwIfAborted();
    if (offset + size > present) break;
    const bytes = new Uint8Array(size);
    const { bytesRead } = await handle.read(bytes, 0, size, offset);
    if (bytesRead < size || toHex(await sha256(bytes)) !== expected) break;
    good.chunks++;
    good.bytes += size;
  }
  return good;
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}

async function place(part: string, path: string, overwrite: boolean): Promise<void> {
  if (overwrite) return rename(part, path);
  try {
    // Unlike a rename, it fails where somebody made the file meanwhile.
    await link(part, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" || (await exists(path))) throw targetExists(path);
    // A file system without hard links.
    return rename(part, path);
  }
  await unlink(part);
}

async function exists(path: string): Promise<boolean> {
  try {
    const stats = await stat(path);
    if (stats.isDirectory()) throw new StowageError("TARGET_EXISTS", `${path} is a folder.`, { facts: { path } });
    return true;
  } catch (error) {
    // A link that leads nowhere is replaced.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

function targetExists(path: string): StowageError {
  return new StowageError("TARGET_EXISTS", `${path} is there already.`, { facts: { path } });
}
