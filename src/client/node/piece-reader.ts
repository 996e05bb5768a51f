import { existsSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { SourceChangedError } from "../errors.ts";
import type { Piece } from "../source.ts";

/** The memory goes along with the message, and comes back with the answer: nothing is copied. */
export interface PieceQuestion {
  fd: number;
  start: number;
  bytes: Uint8Array<ArrayBuffer>;
}

export interface PieceAnswer {
  bytes: Uint8Array<ArrayBuffer>;
  /** Bytes: fewer where the file ended. */
  read: number;
  sha256?: Uint8Array;
  error?: unknown;
}

/** Beside this module, compiled or not; where it was bundled with others, it isn't there. */
const SCRIPT = new URL(import.meta.url.replace(/[^/]*(\.\w+)$/, "piece-thread$1"));

/** Reads and hashes pieces of files in a thread that all of them share. It starts when it is first needed. */
class PieceReader {
  readonly isAvailable = existsSync(SCRIPT);
  #thread: Worker | undefined;
  /** The thread answers in order. */
  #waiting: PromiseWithResolvers<PieceAnswer>[] = [];

  /**
   * @param bytes memory for the piece, of which nobody else uses anything; it is gone from here on
   * @throws SourceChangedError where the file ends before; what the file system says
   */
  async read(fd: number, start: number, bytes: Uint8Array<ArrayBuffer>): Promise<Piece> {
    const size = bytes.length;
    const answer = await this.#ask({ fd, start, bytes });
    if (answer.error !== undefined) throw answer.error;
    if (answer.read < size || answer.sha256 === undefined) throw new SourceChangedError();
    return { bytes: answer.bytes, sha256: answer.sha256 };
  }

  #ask(question: PieceQuestion): Promise<PieceAnswer> {
    const thread = this.#thread ?? this.#start();
    const waiting = Promise.withResolvers<PieceAnswer>();
    this.#waiting.push(waiting);
    // Only while somebody waits for it, it keeps the process alive.
    thread.ref();
    thread.postMessage(question, [question.bytes.buffer]);
    return waiting.promise;
  }

  #start(): Worker {
    const thread = new Worker(SCRIPT);
    this.#thread = thread;
    thread.on("message", (answer: PieceAnswer) => {
      this.#waiting.shift()?.resolve(answer);
      if (this.#waiting.length === 0) thread.unref();
    });
    thread.on("error", (error) => {
      this.#thread = undefined;
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    });
    return thread;
  }
}

export const pieceReader = new PieceReader();
