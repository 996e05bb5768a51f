import { createHash } from "node:crypto";
import { crc32 } from "@node-rs/crc32";
import { ApiError } from "../errors.ts";

/** What a client says of the bytes that it sends. */
export interface ChecksumClaim {
  algorithm: ChecksumAlgorithm;
  digest: Uint8Array;
}

export const checksumAlgorithms = ["sha1", "sha256", "sha512", "md5", "crc32"] as const;
type ChecksumAlgorithm = (typeof checksumAlgorithms)[number];

interface RunningChecksum {
  update(bytes: Uint8Array): void;
  digest(): Buffer;
}

class RunningCrc32 implements RunningChecksum {
  #crc = 0;

  update(bytes: Uint8Array): void {
    this.#crc = crc32(bytes, this.#crc);
  }

  /** Big-endian, as zlib writes it. */
  digest(): Buffer {
    const digest = Buffer.alloc(4);
    digest.writeUInt32BE(this.#crc);
    return digest;
  }
}

/**
 * Passes the bytes on, and throws at their end when they aren't what was claimed.
 * @throws ApiError CHUNK_DIGEST_MISMATCH
 */
export async function* checked(
  source: AsyncIterable<Uint8Array>,
  claim: ChecksumClaim,
): AsyncGenerator<Uint8Array, void> {
  const running = claim.algorithm === "crc32" ? new RunningCrc32() : createHash(claim.algorithm);
  for await (const buffer of source) {
    running.update(buffer);
    yield buffer;
  }
  const actual = running.digest();
  if (actual.equals(claim.digest)) return;
  throw new ApiError("CHUNK_DIGEST_MISMATCH", `The bytes that arrived don't have the ${claim.algorithm} named.`, {
    expected: Buffer.from(claim.digest).toString("hex"),
    received: actual.toString("hex"),
  });
}
