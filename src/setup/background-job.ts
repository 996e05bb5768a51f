import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";

/** Work done again and again beside the requests, one run at a time. */
export class BackgroundJob {
  readonly #name: string;
  readonly #intervalMs: number;
  readonly #work: (signal: AbortSignal) => Promise<boolean>;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  #wake = new AbortController();
  #running: Promise<void> | undefined;

  /** @param work returns whether there is more to do at once */
  constructor(name: string, intervalMs: number, work: (signal: AbortSignal) => Promise<boolean>, log: Logger) {
    this.#name = name;
    this.#intervalMs = intervalMs;
    this.#work = work;
    this.#log = log;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Lets the next run begin now, or when the present one ends. */
  wake(): void {
    this.#wake.abort();
  }

  /** Resolves when the run under way has come to its next safe place. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.#wake = new AbortController();
      try {
        if (await this.#work(signal)) continue;
      } catch (error) {
        // Told to stop, it stops as it likes.
        if (signal.aborted) return;
        this.#log.warn({ job: this.#name, err: error }, "background job failed; it is tried again");
      }
      await sleep(this.#intervalMs, undefined, { signal: this.#wake.signal, ref: false }).catch(() => {});
    }
  }
}
