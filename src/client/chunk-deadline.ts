const FIRST_MS = 120_000;
const LEAST_MS = 30_000;
const MOST_MS = 1_800_000;
/** How much longer than the slowest one so far a chunk may take. */
const MARGIN = 5;

/** How long to wait for a chunk's answer, by what chunks took so far: fetch doesn't tell whether bytes still move. */
export class ChunkDeadline {
  #ms = FIRST_MS;
  #slowest = 0;

  get ms(): number {
    return this.#ms;
  }

  succeeded(tookMs: number): void {
    this.#slowest = Math.max(this.#slowest, tookMs);
    this.#ms = Math.min(MOST_MS, Math.max(LEAST_MS, this.#slowest * MARGIN));
  }

  /** The line may have become slower rather than dead. */
  passed(): void {
    this.#ms = Math.min(MOST_MS, this.#ms * 2);
  }
}
