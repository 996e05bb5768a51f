import { sha256, toHex } from "./digests.ts";
import { isTransient, StowageError } from "./errors.ts";
import { FileChunksDocument, type FileChunksQuery, type FileFieldsFragment } from "./operations.ts";
import { delay, type OnRetry, Patience } from "./patience.ts";
import { type Progress, ProgressMeter } from "./progress.ts";
import { RangeReader } from "./range-reader.ts";
import type { Transport } from "./transport.ts";

export type StoredChunk = NonNullable<FileChunksQuery["file"]>["chunks"][number];

export interface DownloadOptions {
  /** Ends the download. */
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
  /** Called when something failed that may pass, such as the connection, with the time until the next try. */
  onRetry?: OnRetry | undefined;
}

/** A boundary between chunks. Files needn't have all chunks of one size. */
export interface ChunkPosition {
  chunks: number;
  bytes: number;
}

const PAGE = 1000;
/** How often a chunk may come with other bytes than were stored. */
const TRIES = 4;

/** The file's chunks in order, from an index on. @throws StowageError */
export async function* chunksOf(
  transport: Transport,
  id: string,
  from = 0,
): AsyncGenerator<StoredChunk, void, undefined> {
  for (let next = from; ; next += PAGE) {
    const { file } = await transport.graphql(FileChunksDocument, { id, from: next, first: PAGE });
    if (file == null) throw new StowageError("NOT_FOUND", "There is no such file.");
    yield* file.chunks;
    if (file.chunks.length < PAGE) return;
  }
}

/**
 * The file's bytes in order, a chunk at a time, each of the SHA-256 that it was stored with. Goes on after cuts where
 * they happened.
 * @param from where to begin: so many chunks, and their bytes, are there already
 * @throws StowageError DOWNLOAD_CORRUPT when a chunk's bytes are wrong again and again
 */
export async function* verifiedChunks(
  transport: Transport,
  file: FileFieldsFragment,
  options: DownloadOptions = {},
  from: ChunkPosition = { chunks: 0, bytes: 0 },
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const { signal, onProgress } = options;
  const reader = new RangeReader(transport, file, signal);
  const meter = new ProgressMeter(file.size);
  let verified = from.bytes;
  onProgress?.(meter.restart(verified));
  const fetched = async (chunk: StoredChunk, source: RangeReader) => {
    const bytes = await fill(source, chunk, transport, options);
    return { bytes, chunk, digest: sha256(bytes) };
  };
  const checked = async ({ bytes, chunk, digest }: Awaited<ReturnType<typeof fetched>>) => {
    const good = toHex(await digest) === chunk.sha256 ? bytes : await again(chunk);
    verified += chunk.size;
    onProgress?.(meter.at(verified));
    return good;
  };
  const again = async (chunk: StoredChunk) => {
    const single = new RangeReader(transport, file, signal, chunk.offset + chunk.size);
    try {
      for (let tries = 1; tries < TRIES; tries++) {
        await single.close();
        const { bytes, digest } = await fetched(chunk, single);
        if (toHex(await digest) === chunk.sha256) return bytes;
      }
    } finally {
      await single.close();
    }
    const message = `Chunk ${chunk.index} of ${file.filename} came with wrong bytes ${TRIES} times.`;
    throw new StowageError("DOWNLOAD_CORRUPT", message, { facts: { index: chunk.index } });
  };
  try {
    // While one chunk is hashed, the next is received.
    let before: Awaited<ReturnType<typeof fetched>> | undefined;
    for await (const chunk of chunksOf(transport, file.id, from.chunks)) {
      const next = await fetched(chunk, reader);
      if (before !== undefined) yield await checked(before);
      before = next;
    }
    if (before !== undefined) yield await checked(before);
    if (verified !== file.size) throw new StowageError("UNEXPECTED_ANSWER", "The file's chunks are not all listed.");
  } finally {
    await reader.close();
  }
}

/** All bytes of a chunk, however often the connection is cut meanwhile. */
async function fill(
  reader: RangeReader,
  { offset, size }: StoredChunk,
  { retry }: Transport,
  { signal, onRetry }: DownloadOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const patience = new Patience(retry);
  const bytes = new Uint8Array(size);
  for (let filled = 0; filled < size; ) {
    try {
      filled += await reader.read(offset + filled, bytes.subarray(filled));
      patience.succeeded();
    } catch (error) {
      if (!isTransient(error)) throw error;
      await reader.close();
      const delayMs = patience.failed(error);
      onRetry?.(error, delayMs);
      await delay(delayMs, signal);
    }
  }
  return bytes;
}
