/** Keys that are remembered; of more, the one whose window began first is forgotten. */
const MOST_KEYS = 100_000;

interface Window {
  since: number;
  count: number;
}

/** Bounds how often something is done by a key, such as an address, in a time: by this process's count. */
export class AttemptLimit {
  readonly #most: number;
  readonly #windowMs: number;
  readonly #windows = new Map<string, Window>();

  /** @param most for each key, within `windowMs` of its first */
  constructor(most: number, windowMs: number) {
    this.#most = most;
    this.#windowMs = windowMs;
  }

  /** Counts an attempt. @returns the seconds until one may follow, where there were too many; then it doesn't count */
  take(key: string): number | undefined {
    const now = performance.now();
    const known = this.#windows.get(key);
    const isOver = known === undefined || now - known.since >= this.#windowMs;
    const window = isOver ? { since: now, count: 0 } : known;
    if (window.count >= this.#most) return Math.ceil((window.since + this.#windowMs - now) / 1000);
    window.count++;
    if (!isOver) return undefined;
    // In the order in which windows begin.
    this.#windows.delete(key);
    this.#windows.set(key, window);
    const [oldest] = this.#windows.keys();
    if (this.#windows.size > MOST_KEYS && oldest !== undefined) this.#windows.delete(oldest);
    return undefined;
  }

  /** Lets the key begin anew. */
  forget(key: string): void {
    this.#windows.delete(key);
  }
}
