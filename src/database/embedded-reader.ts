import { once } from "node:events";
import { Worker } from "node:worker_threads";

export interface Question {
  sql: string;
  values: readonly unknown[];
}

export type Answer = { rows: unknown[] } | { error: { message: string; code?: string; errcode?: number } };

/** Time after which a statement is given up. */
const PATIENCE_MS = 10_000;

/** The thread's module lies beside this one, compiled or not. */
const SCRIPT = new URL(import.meta.url.replace(/[^/]*(\.\w+)$/, "embedded-reader-thread$1"));

/** Reads an SQLite file in a thread of its own, beside the connection that writes: a long read stops nothing else. */
export class EmbeddedReader {
  readonly #path: string;
  #worker: Worker | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** One statement after the other. */
  all(question: Question): Promise<unknown[]> {
    const asked = this.#last.then(() => this.#ask(question));
    this.#last = asked.catch(() => {});
    return asked;
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
    this.#worker = undefined;
  }

  async #ask(question: Question): Promise<unknown[]> {
    const worker = this.#worker ?? this.#start();
    const giveUp = AbortSignal.timeout(PATIENCE_MS);
    worker.postMessage(question);
    try {
      const [answer] = (await once(worker, "message", { signal: giveUp })) as [Answer];
      if ("rows" in answer) return answer.rows;
      throw Object.assign(new Error(answer.error.message), answer.error);
    } catch (error) {
      if (!giveUp.aborted) throw error;
      await this.close();
      throw Object.assign(new Error(`A read took longer than ${PATIENCE_MS} ms.`), { code: "ER_QUERY_TIMEOUT" });
    }
  }

  #start(): Worker {
    this.#worker = new Worker(SCRIPT, { workerData: { path: this.#path, patienceMs: PATIENCE_MS } });
    this.#worker.unref();
    this.#worker.once("error", () => {
      this.#worker = undefined;
    });
    return this.#worker;
  }
}
