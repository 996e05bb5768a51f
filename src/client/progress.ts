export interface Progress {
  /** Bytes that the server has acknowledged, or that were received and verified. */
  bytes: number;
  /** Acknowledged or on their way, as far as the application's fetch tells. */
  sentBytes: number;
  totalBytes: number;
  /** Smoothed over the last seconds; 0 while nothing moves. */
  bytesPerSecond: number;
  /** Undefined as long as there is no rate to tell it by. */
  secondsLeft: number | undefined;
}

const WINDOW_MS = 10_000;

/** Tells rate and time left from what has moved in the last seconds. */
export class ProgressMeter {
  readonly #totalBytes: number;
  readonly #now: () => number;
  #samples: { at: number; bytes: number }[] = [];

  constructor(totalBytes: number, now = () => performance.now()) {
    this.#totalBytes = totalBytes;
    this.#now = now;
  }

  /** Begins anew where something stood still on purpose, or jumped. */
  restart(bytes: number): Progress {
    this.#samples = [{ at: this.#now(), bytes }];
    return this.#progress(bytes, bytes, 0);
  }

  /** @param bytes acknowledged in all; @param sentBytes with what is on its way */
  at(bytes: number, sentBytes = bytes): Progress {
    const now = this.#now();
    this.#samples.push({ at: now, bytes: sentBytes });
    // The oldest one kept is just outside of the window, so that slow chunks have a rate as well.
    while ((this.#samples[1]?.at ?? now) < now - WINDOW_MS) this.#samples.shift();
    const oldest = this.#samples[0] ?? { at: now, bytes: sentBytes };
    const elapsed = now - oldest.at;
    return this.#progress(
      bytes,
      sentBytes,
      elapsed > 0 ? Math.max(0, ((sentBytes - oldest.bytes) / elapsed) * 1000) : 0,
    );
  }

  #progress(bytes: number, sentBytes: number, bytesPerSecond: number): Progress {
    const totalBytes = this.#totalBytes;
    const secondsLeft = bytesPerSecond > 0 ? (totalBytes - sentBytes) / bytesPerSecond : undefined;
    return { bytes, sentBytes, totalBytes, bytesPerSecond, secondsLeft };
  }
}
