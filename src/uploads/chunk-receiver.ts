import { ApiError } from "../errors.ts";
import type { ChunkDigest } from "./chunk-digest.ts";

/**
 * Takes a whole chunk's bytes off the wire.
 * @param source its buffers need to last only until the next one is asked for
 * @param chunk takes exactly the bytes that it has room for
 * @throws ApiError CHUNK_SIZE_MISMATCH; what the source or the chunk throws
 */
export async function receiveChunk(source: AsyncIterable<Uint8Array>, chunk: ChunkDigest): Promise<void> {
  const size = chunk.room;
  let received = 0;
  for await (const buffer of source) {
    received += buffer.length;
    // Too much: only counted from here on, for the answer.
    if (received <= size) await chunk.write(buffer);
  }
  if (received !== size) throw wrongSize(size, received);
}

export function wrongSize(expected: number, received: number): ApiError {
  const message = `This chunk has ${expected} bytes by the upload's plan, not ${received}.`;
  return new ApiError("CHUNK_SIZE_MISMATCH", message, { expected, received });
}
