import { setTimeout as sleep } from "node:timers/promises";

/** Lets so many bytes a second pass, whoever asks for them. */
export class RateLimiter {
  readonly #bytesPerMs: number;
  /** When all that passed so far is paid for. */
  #paidAt = 0;

  constructor(bytesPerSecond: number) {
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  /** Resolves when these bytes may pass. @throws the signal's reason */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const now = performance.now();
    const from = Math.max(now, this.#paidAt);
    this.#paidAt = from + bytes / this.#bytesPerMs;
    if (from > now) {
      await sleep(from - now, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}
