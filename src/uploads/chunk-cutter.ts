import { ApiError } from "../errors.ts";
import type { StorageNode } from "../storage/storage-node.ts";
import { OpenChunk } from "./open-chunk.ts";

interface CutOptions {
  storage: StorageNode;
  /** The id of the user whose bytes they are. */
  owner: string;
  /** Bytes that a chunk has at most. */
  chunkSize: number;
  /** Bytes that may come in all. */
  limit: number;
  /** Bytes that are expected to come, so that little more room is asked for than is needed. */
  expected: number;
}

/**
 * Cuts a stream of bytes into chunks, which are written but not committed: whoever gets one commits or aborts it. When
 * the source fails, what had come is yielded before the failure is thrown.
 * @param source its buffers need to last only until the next one is asked for
 * @throws ApiError FILE_TOO_LARGE when more comes than may, before the chunk that would be the last is yielded
 */
export async function* cutChunks(
  source: AsyncIterable<Uint8Array>,
  { storage, owner, chunkSize, limit, expected }: CutOptions,
): AsyncGenerator<OpenChunk, void> {
  const reader = new Reader(source);
  let taken = 0;
  while ((await reader.peek()).length > 0) {
    if (taken === limit) throw tooMuch(limit);
    const hoped = expected > taken ? expected - taken : chunkSize;
    const chunk = await OpenChunk.create(storage, Math.min(chunkSize, limit - taken, hoped), owner);
    try {
      for (let next = await reader.peek(); next.length > 0 && chunk.room > 0; next = await reader.peek()) {
        const part = next.subarray(0, chunk.room);
        await chunk.write(part);
        reader.skip(part.length);
      }
      taken += chunk.size;
      if (taken === limit && (await reader.peek()).length > 0) throw tooMuch(limit);
    } catch (error) {
      await chunk.abort();
      throw error;
    }
    yield chunk;
  }
  reader.throwFailure();
}

/** Looks at a source's bytes without taking them. */
class Reader {
  readonly #source: AsyncIterator<Uint8Array>;
  #buffer: Uint8Array = new Uint8Array();
  #isEnded = false;
  #failure: { error: unknown } | undefined;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** What comes next; empty at the end, also when that is a failure. */
  async peek(): Promise<Uint8Array> {
    while (this.#buffer.length === 0 && !this.#isEnded) {
      try {
        const next = await this.#source.next();
        if (next.done) this.#isEnded = true;
        else this.#buffer = next.value;
      } catch (error) {
        this.#failure = { error };
        this.#isEnded = true;
      }
    }
    return this.#buffer;
  }

  skip(bytes: number): void {
    this.#buffer = this.#buffer.subarray(bytes);
  }

  throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

export function tooMuch(limit: number): ApiError {
  const message = `More bytes came than the ${limit} that this upload still takes. Those that would end it were not kept.`;
  return new ApiError("FILE_TOO_LARGE", message, { field: "length", limit });
}
