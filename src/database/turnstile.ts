import { ServiceUnavailableError } from "../errors.ts";

/** Lets so many through at once. The others wait for their turn, in order, but not for ever. */
export class Turnstile {
  readonly #patienceMs: number;
  readonly #waiting = new Set<() => void>();
  #free: number;

  constructor(places: number, patienceMs: number) {
    this.#free = places;
    this.#patienceMs = patienceMs;
  }

  /** @throws ServiceUnavailableError when its turn didn't come in time; then `work` was not begun */
  async pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await this.#turn();
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  #turn(): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(enter);
        reject(new ServiceUnavailableError());
      }, this.#patienceMs);
      this.#waiting.add(enter);
    });
  }

  /** Hands the place on, so that nobody who comes just then takes it. */
  #leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free++;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
