import { isTransient, type StowageError } from "./errors.ts";

export interface RetryOptions {
  /** Upper bound of the wait after the first failure, in milliseconds; it doubles with each further one. */
  baseDelayMs: number;
  maxDelayMs: number;
  /** How long everything may fail before the last failure is thrown, in milliseconds. */
  giveUpAfterMs: number;
}

export const defaultRetry: RetryOptions = { baseDelayMs: 250, maxDelayMs: 10_000, giveUpAfterMs: 300_000 };

/** Says how long to wait after a failure: exponential backoff with full jitter, and at least what the server asks. */
export class Patience {
  readonly #options: RetryOptions;
  readonly #random: () => number;
  readonly #now: () => number;
  #failures = 0;
  #failingSince: number | undefined;

  constructor(options: RetryOptions, random = Math.random, now = () => performance.now()) {
    this.#options = options;
    this.#random = random;
    this.#now = now;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#failingSince = undefined;
  }

  /**
   * Tells of a failure. @returns milliseconds to wait
   * @throws the failure itself, when it is not one that passes or it has lasted too long
   */
  failed(error: unknown): number {
    if (!isTransient(error)) throw error;
    const { baseDelayMs, maxDelayMs, giveUpAfterMs } = this.#options;
    this.#failingSince ??= this.#now();
    const backoff = this.#random() * Math.min(maxDelayMs, baseDelayMs * 2 ** this.#failures++);
    const delay = Math.max(backoff, error.retryAfterMs ?? 0);
    if (this.#now() + delay - this.#failingSince > giveUpAfterMs) throw error;
    return delay;
  }
}

/** Resolves after a while. @throws the signal's reason, at once when it is aborted */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** Called when something failed that may pass, with the time until the next try. */
export type OnRetry = (error: StowageError, delayMs: number) => void;

/** Calls until it succeeds or patience ends. What is called must bear to be repeated. */
export async function insist<T>(
  call: () => Promise<T>,
  options: RetryOptions,
  { signal, onRetry }: { signal?: AbortSignal; onRetry?: OnRetry | undefined } = {},
): Promise<T> {
  const patience = new Patience(options);
  for (;;) {
    try {
      return await call();
    } catch (error) {
      const delayMs = patience.failed(error);
      onRetry?.(error as StowageError, delayMs);
      await delay(delayMs, signal);
    }
  }
}
