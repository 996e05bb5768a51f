import argon2 from "argon2";
import pLimit from "p-limit";
import { StowageError } from "../errors.ts";

/** argon2id as the OWASP Password Storage Cheat Sheet recommends: 19 MiB, two passes, one lane. */
const parameters = { type: argon2.argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** At once; argon2 works in libuv's four threads, and the disk needs some of them too. */
const CONCURRENCY = 2;
const MAX_WAITING = 256;
const ESTIMATED_MS = 40;

/** Hashes and verifies passwords off the event loop, in bounded memory. */
export class Passwords {
  readonly #limit = pLimit(CONCURRENCY);
  readonly #noOnesHash: string;

  private constructor(noOnesHash: string) {
    this.#noOnesHash = noOnesHash;
  }

  static async open(): Promise<Passwords> {
    return new Passwords(await argon2.hash("no one's password", parameters));
  }

  hash(password: string): Promise<string> {
    return this.#run(() => argon2.hash(password, parameters));
  }

  /** Takes as long for a user that doesn't exist, whose hash is undefined, as for a wrong password. */
  async verify(hash: string | undefined, password: string): Promise<boolean> {
    const matches = await this.#run(() => argon2.verify(hash ?? this.#noOnesHash, password));
    return matches && hash !== undefined;
  }

  #run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#limit.pendingCount >= MAX_WAITING) {
      const retryAfterSeconds = Math.ceil((MAX_WAITING * ESTIMATED_MS) / CONCURRENCY / 1000);
      throw new StowageError(
        "RATE_LIMITED",
        `Too many people are signing in at the moment. Try again in ${retryAfterSeconds} seconds.`,
        { retryAfterSeconds },
      );
    }
    return this.#limit(work);
  }
}
