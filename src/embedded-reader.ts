import { once } from "node:events";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

interface Question {
  sql: string;
  values: readonly unknown[];
}

type Answer = { rows: unknown[] } | { error: { message: string; code?: string; errcode?: number } };

/** Longer than this, a statement is given up. */
const PATIENCE_MS = 10_000;

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
    this.#worker = new Worker(new URL(import.meta.url), { workerData: { embeddedReader: this.#path } });
    this.#worker.unref();
    this.#worker.once("error", () => {
      this.#worker = undefined;
    });
    return this.#worker;
  }
}

function answerQuestions(path: string): void {
  const database = new DatabaseSync(path, { readOnly: true, timeout: PATIENCE_MS });
  parentPort?.on("message", ({ sql, values }: Question) => {
    let answer: Answer;
    try {
      answer = { rows: database.prepare(sql).all(...(values as SQLInputValue[])) };
    } catch (error) {
      const { message, code, errcode } = error as Error & { code?: string; errcode?: number };
      answer = { error: { message, ...(code !== undefined && { code }), ...(errcode !== undefined && { errcode }) } };
    }
    parentPort?.postMessage(answer);
  });
}

// In the thread.
if (!isMainThread && typeof workerData?.embeddedReader === "string") answerQuestions(workerData.embeddedReader);
