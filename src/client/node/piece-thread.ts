// Runs in a thread of its own: reads pieces of files, one after the other, and hashes them.
import { createHash } from "node:crypto";
import { readSync } from "node:fs";
import { parentPort, type Transferable } from "node:worker_threads";
import type { PieceAnswer, PieceQuestion } from "./piece-reader.ts";

parentPort?.on("message", ({ fd, start, bytes }: PieceQuestion) => {
  const answer: PieceAnswer = { bytes, read: 0 };
  try {
    while (answer.read < bytes.length) {
      const read = readSync(fd, bytes, answer.read, bytes.length - answer.read, start + answer.read);
      if (read === 0) break;
      answer.read += read;
    }
    answer.sha256 = createHash("sha256").update(bytes).digest();
  } catch (error) {
    answer.error = error;
  }
  parentPort?.postMessage(answer, [bytes.buffer as Transferable]);
});
