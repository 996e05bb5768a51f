import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";

/** A run may hang on a disk that hangs: that keeps no process. */
const LONGEST_STOP_MS = 30_000;

/** Work done again and again beside the requests, one run at a time. */
export interface Job {
  name: string;
  /** Time from the end of a run to the beginning of the next. */
  intervalMs: number;
  /** How long the first run waits; not at all when left out. */
  firstAfterMs?: number;
  /** @returns true when there is more to do at once */
  run(signal: AbortSignal): Promise<unknown>;
}

/** Runs jobs until they are stopped. One that fails is tried again at its next time. */
export class JobRunner {
  readonly #running: RunningJob[];

  constructor(jobs: readonly Job[], log: Logger) {
    this.#running = jobs.map((job) => new RunningJob(job, log));
  }

  start(): void {
    for (const job of this.#running) job.start();
  }

  /** Lets the next run of the job begin now, or when the present one ends. */
  wake(name: string): void {
    this.#running.find((job) => job.name === name)?.wake();
  }

  /** Resolves when the runs under way have come to their next safe places, or one of them hasn't for too long. */
  async stop(): Promise<void> {
    const stopped = Promise.all(this.#running.map((job) => job.stop()));
    await Promise.race([stopped, sleep(LONGEST_STOP_MS, undefined, { ref: false })]);
  }
}

class RunningJob {
  readonly name: string;
  readonly #job: Job;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  #wake = new AbortController();
  #running: Promise<void> | undefined;

  constructor(job: Job, log: Logger) {
    this.name = job.name;
    this.#job = job;
    this.#log = log;
  }

  start(): void {
    this.#running = this.#run();
  }

  wake(): void {
    this.#wake.abort();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const { intervalMs, firstAfterMs } = this.#job;
    if (firstAfterMs !== undefined) await this.#rest(firstAfterMs);
    while (!signal.aborted) {
      this.#wake = new AbortController();
      try {
        if ((await this.#job.run(signal)) === true) continue;
      } catch (error) {
        // A job that was told to stop ends as it likes.
        if (signal.aborted) return;
        this.#log.warn({ job: this.name, err: error }, "background job failed; it is tried again");
      }
      await this.#rest(intervalMs);
    }
  }

  async #rest(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#wake.signal, ref: false }).catch(() => {});
  }
}
