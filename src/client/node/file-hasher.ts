import { existsSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { type Deferred, deferred } from "../deferred.ts";
import { SourceChangedError } from "../errors.ts";

export interface FilePiece {
  fd: number;
  start: number;
  /** Exclusive. */
  end: number;
}

/** The digest is null where the file ended before. */
export type HashedPiece = { sha256: Uint8Array | null } | { error: unknown };

/** Beside this module, compiled or not; where it was bundled with others, it isn't there. */
const SCRIPT = new URL(import.meta.url.replace(/[^/]*(\.\w+)$/, "hash-thread$1"));

/**
 * Hashes pieces of files in a thread that all of them share, and that starts when it is first needed. It reads them for
 * itself: handing memory to and fro would make the garbage collector run for every piece, which costs more.
 */
class FileHasher {
  readonly isAvailable = existsSync(SCRIPT);
  #thread: Worker | undefined;
  /** The thread answers in order. */
  #waiting: Deferred<HashedPiece>[] = [];

  /** @throws SourceChangedError where the file ends before the piece does; what the file system says */
  async sha256(piece: FilePiece): Promise<Uint8Array> {
    const answer = await this.#ask(piece);
    if ("error" in answer) throw answer.error;
    if (answer.sha256 === null) throw new SourceChangedError();
    return answer.sha256;
  }

  #ask(piece: FilePiece): Promise<HashedPiece> {
    const waiting = deferred<HashedPiece>();
    const thread = this.#thread ?? this.#start();
    this.#waiting.push(waiting);
    // Only while somebody waits for it, it keeps the process alive.
    thread.ref();
    thread.postMessage(piece);
    return waiting.promise;
  }

  #start(): Worker {
    const thread = new Worker(SCRIPT);
    this.#thread = thread;
    thread.on("message", (answer: HashedPiece) => {
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

export const fileHasher = new FileHasher();
