/** A gain in throughput that is more than noise. */
const GROWTH = 1.05;
/** How many rounds to stay after more at once brought nothing. */
const HOLD_ROUNDS = 10;

/**
 * How many chunks to send at once: one more while that brings throughput, one less when it brought none, half of them
 * when one fails. A round, after which it is judged, is as many chunks as are sent at once.
 */
export class AdaptiveLimit {
  readonly #max: number;
  readonly #now: () => number;
  #value: number;
  #roundStart: number;
  #roundBytes = 0;
  #roundChunks = 0;
  /** Bytes a millisecond, of the last round before the limit was raised. */
  #before = 0;
  /** Whether the last round was the first one with one more at once. */
  #raised = false;
  #hold = 0;

  constructor(max: number, now = () => performance.now()) {
    this.#max = max;
    this.#now = now;
    this.#value = Math.min(2, max);
    this.#roundStart = now();
  }

  get value(): number {
    return this.#value;
  }

  /** A chunk of so many bytes has arrived. */
  succeeded(bytes: number): void {
    this.#roundBytes += bytes;
    if (++this.#roundChunks < this.#value) return;
    const rate = this.#roundBytes / Math.max(1, this.#now() - this.#roundStart);
    if (this.#hold > 0) this.#hold--;
    else if (this.#raised && rate <= this.#before * GROWTH) {
      this.#value--;
      this.#raised = false;
      this.#hold = HOLD_ROUNDS;
    } else {
      this.#raised = this.#value < this.#max;
      if (this.#raised) this.#value++;
      this.#before = rate;
    }
    this.#newRound();
  }

  /** A chunk was lost on the way, or refused for the moment. */
  failed(): void {
    this.#value = Math.max(1, Math.floor(this.#value / 2));
    this.#raised = false;
    this.#hold = 0;
    this.#newRound();
  }

  #newRound(): void {
    this.#roundStart = this.#now();
    this.#roundBytes = 0;
    this.#roundChunks = 0;
  }
}
