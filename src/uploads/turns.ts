import pLimit, { type LimitFunction } from "p-limit";

/** Lets so many works on the same thing run at once; the others wait, the first first. */
export class Turns {
  readonly #atOnce: number;
  readonly #turns = new Map<string, LimitFunction>();

  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  /** @param key names the thing */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const turn = this.#turns.get(key) ?? pLimit(this.#atOnce);
    this.#turns.set(key, turn);
    try {
      return await turn(work);
    } finally {
      if (turn.activeCount + turn.pendingCount === 0) this.#turns.delete(key);
    }
  }
}
