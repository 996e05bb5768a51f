import { ApiError } from "../errors.ts";

interface Waiting {
  begin(): void;
  refuse(): void;
}

interface FairQueueOptions {
  /** Works at once. */
  concurrency: number;
  /** How many may wait, of all clients together. */
  maxWaiting: number;
  /** Seconds after which a client that was refused may try again. */
  retryAfterSeconds: number;
}

/**
 * Lets some work at once and others wait, each client's in turn: one that sends many waits for itself. Where too many wait,
 * the client with the most gives way.
 */
export class FairQueue {
  readonly #options: FairQueueOptions;
  /** Lines of clients, in the order in which they are next. */
  readonly #waiting = new Map<string, Waiting[]>();
  #count = 0;
  #running = 0;

  constructor(options: FairQueueOptions) {
    this.#options = options;
  }

  /** @throws ApiError RATE_LIMITED */
  async run<T>(client: string, work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#options.concurrency) await this.#wait(client);
    else this.#running++;
    try {
      return await work();
    } finally {
      this.#next();
    }
  }

  #wait(client: string): Promise<void> {
    if (this.#count >= this.#options.maxWaiting && !this.#makeRoom(client)) throw this.#refusal();
    return new Promise((begin, reject) => {
      const line = this.#waiting.get(client) ?? [];
      line.push({ begin, refuse: () => reject(this.#refusal()) });
      this.#waiting.set(client, line);
      this.#count++;
    });
  }

  /** @returns false where nobody has more waiting than the client itself */
  #makeRoom(client: string): boolean {
    let longest: string | undefined;
    for (const [other, line] of this.#waiting) {
      if (longest === undefined || line.length > (this.#waiting.get(longest)?.length ?? 0)) longest = other;
    }
    const line = this.#waiting.get(longest ?? client) ?? [];
    if (line.length <= (this.#waiting.get(client)?.length ?? 0) + 1) return false;
    line.pop()?.refuse();
    this.#count--;
    return true;
  }

  /** The place that is free goes to the client whose turn it is. */
  #next(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#running--;
      return;
    }
    const [client, line] = next;
    const first = line.shift();
    this.#waiting.delete(client);
    if (line.length > 0) this.#waiting.set(client, line);
    this.#count--;
    first?.begin();
  }

  #refusal(): ApiError {
    const { retryAfterSeconds } = this.#options;
    const message = `Too many people are signing in at the moment. Try again in ${retryAfterSeconds} seconds.`;
    return new ApiError("RATE_LIMITED", message, { retryAfterSeconds });
  }
}
