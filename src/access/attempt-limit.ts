import { ApiError } from "../errors.ts";

const HOUR_MS = 3600_000;
/** Addresses that are remembered; of more, the oldest is forgotten. */
const MOST_CLIENTS = 100_000;

/** Bounds how many accounts an address makes in an hour, by this process's count. */
export class RegistrationLimit {
  readonly #perHour: number;
  readonly #clients = new Map<string, { since: number; count: number }>();

  constructor(perHour: number) {
    this.#perHour = perHour;
  }

  /** @throws ApiError RATE_LIMITED */
  count(client: string): void {
    const now = performance.now();
    const known = this.#clients.get(client);
    const window = known !== undefined && now - known.since < HOUR_MS ? known : { since: now, count: 0 };
    if (window.count >= this.#perHour) {
      const retryAfterSeconds = Math.ceil((window.since + HOUR_MS - now) / 1000);
      const message = `Your address has made ${this.#perHour} accounts within an hour. Try again later.`;
      throw new ApiError("RATE_LIMITED", message, { retryAfterSeconds });
    }
    window.count++;
    this.#clients.delete(client);
    this.#clients.set(client, window);
    const [oldest] = this.#clients.keys();
    if (this.#clients.size > MOST_CLIENTS && oldest !== undefined) this.#clients.delete(oldest);
  }
}
