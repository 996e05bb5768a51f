/**
 * Knows when servers or the database were away: requests that were under way then may fail cleanly. What happens to a
 * node excuses no request.
 */
export class Troubles {
  #active = 0;
  #count = 0;

  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#active++;
    this.#count++;
    try {
      return await work();
    } finally {
      this.#active--;
    }
  }

  /** To be called when a request begins. @returns tells, when it has ended, whether there was trouble meanwhile */
  watch(): () => boolean {
    const before = this.#active > 0 ? -1 : this.#count;
    return () => this.#count !== before;
  }
}
