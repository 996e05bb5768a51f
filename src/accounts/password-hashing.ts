import argon2 from "argon2";
import { FairQueue } from "./fair-queue.ts";
import { candidates, prepare } from "./password-rules.ts";

/** argon2id as the OWASP Password Storage Cheat Sheet recommends: 19 MiB, two passes, one lane. */
const parameters = { type: argon2.argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** Hashes under way at once: argon2 works in libuv's four threads, and the disk needs some of them too. */
const CONCURRENCY = 2;
const MAX_WAITING = 256;
const ESTIMATED_MS = 40;

/** Hashes and verifies passwords off the event loop, in bounded memory, and each client's in turn. */
export class Passwords {
  readonly #queue = new FairQueue({
    concurrency: CONCURRENCY,
    maxWaiting: MAX_WAITING,
    retryAfterSeconds: Math.ceil((MAX_WAITING * ESTIMATED_MS) / CONCURRENCY / 1000),
  });
  readonly #noOnesHash: string;

  private constructor(noOnesHash: string) {
    this.#noOnesHash = noOnesHash;
  }

  static async open(): Promise<Passwords> {
    return new Passwords(await argon2.hash("no one's password", parameters));
  }

  /** @param client whose turn it has to be */
  hash(password: string, client: string): Promise<string> {
    return this.#queue.run(client, () => argon2.hash(prepare(password), parameters));
  }

  /** Verifies a password, which takes as long for a user that doesn't exist, whose hash is undefined, as for a wrong one. */
  async verify(given: string | undefined, password: string, client: string): Promise<boolean> {
    // Who signs in by an issuer's tokens has none.
    const hash = given?.startsWith("$") ? given : undefined;
    return this.#queue.run(client, async () => {
      let matches = false;
      for (const candidate of candidates(password)) {
        matches = (await argon2.verify(hash ?? this.#noOnesHash, candidate)) && hash !== undefined;
        if (matches) break;
      }
      return matches;
    });
  }
}
