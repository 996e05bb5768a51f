import { ApiError } from "../errors.ts";
import { AttemptLimit } from "./attempt-limit.ts";

const MINUTE_MS = 60_000;
/** Part of an account's tries that one address has. */
const ADDRESS_SHARE = 2 / 3;

export interface SignInLimits {
  /** Tries of an address in a minute, at whatever account. */
  perAddress: number;
  /** Tries at an account in a minute, of all addresses from which its user hasn't signed in before. */
  perAccount: number;
}

/**
 * Bounds the guessing of passwords, before any is verified. Others' guesses lock nobody out: whoever signs in from where they
 * did before has tries of their own, and anybody else waits a minute at most.
 */
export class SignInLimit {
  readonly #byAddress: AttemptLimit;
  readonly #byAccount: AttemptLimit;
  readonly #byBoth: AttemptLimit;

  constructor({ perAddress, perAccount }: SignInLimits) {
    this.#byAddress = new AttemptLimit(perAddress, MINUTE_MS);
    this.#byAccount = new AttemptLimit(perAccount, MINUTE_MS);
    this.#byBoth = new AttemptLimit(Math.ceil(perAccount * ADDRESS_SHARE), MINUTE_MS);
  }

  /**
   * Counts a try of an address, before it is known at which account.
   * @param client address, or network of IPv6
   * @throws ApiError RATE_LIMITED
   */
  countAddress(client: string): void {
    refuse(this.#byAddress.take(client));
  }

  /**
   * Counts a try at an account, which need not exist: then its login is its name.
   * @param isKnown whether the account's user has signed in from there before; asked only where that matters
   * @throws ApiError RATE_LIMITED
   */
  async countAccount(account: string, client: string, isKnown: () => Promise<boolean>): Promise<void> {
    refuse(this.#byBoth.take(`${client} ${account}`));
    const wait = this.#byAccount.take(account);
    if (wait !== undefined && !(await isKnown())) refuse(wait);
  }

  /** Gives back the tries of who was let in. */
  succeeded(account: string, client: string): void {
    this.#byBoth.forget(`${client} ${account}`);
  }
}

function refuse(retryAfterSeconds: number | undefined): void {
  if (retryAfterSeconds === undefined) return;
  const message = `There were too many tries to sign in. Try again in ${retryAfterSeconds} s.`;
  throw new ApiError("RATE_LIMITED", message, { retryAfterSeconds });
}
