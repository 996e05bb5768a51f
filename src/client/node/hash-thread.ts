// Runs in a thread of its own: hashes pieces of files, one after the other.
import { createHash } from "node:crypto";
import { readSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import type { FilePiece, HashedPiece } from "./file-hasher.ts";

/** Bytes: they stay in the processor's cache until they are hashed. */
const buffer = Buffer.allocUnsafeSlow(256 * 1024);

function hash({ fd, start, end }: FilePiece): HashedPiece {
  const sha256 = createHash("sha256");
  for (let position = start; position < end; ) {
    const read = readSync(fd, buffer, 0, Math.min(buffer.length, end - position), position);
    if (read === 0) return { sha256: null };
    sha256.update(buffer.subarray(0, read));
    position += read;
  }
  return { sha256: sha256.digest() };
}

parentPort?.on("message", (piece: FilePiece) => {
  try {
    parentPort?.postMessage(hash(piece));
  } catch (error) {
    parentPort?.postMessage({ error } satisfies HashedPiece);
  }
});
