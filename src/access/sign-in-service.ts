import { UniqueConstraintViolationException } from "@mikro-orm/core";
import { v7 as uuidv7 } from "uuid";
import { lockUser } from "../accounts/lock-user.ts";
import type { Passwords } from "../accounts/password-hashing.ts";
import { checkAttempt, checkChosen } from "../accounts/password-rules.ts";
import { checkRegistration, type Registration } from "../accounts/registration.ts";
import { UserRecord } from "../accounts/user-record.ts";
import type { Database } from "../database/database.ts";
import { ApiError, BadUserInputError, UnauthenticatedError } from "../errors.ts";
import type { ApiKeys } from "./api-keys.ts";
import { AttemptLimit } from "./attempt-limit.ts";
import type { Caller } from "./caller.ts";
import { allowSession, type Principal } from "./principal.ts";
import type { Sessions, SignedIn } from "./sessions.ts";
import { SignInLimit, type SignInLimits } from "./sign-in-limit.ts";

const HOUR_MS = 3600_000;

export interface SignInOptions {
  registrationOpen: boolean;
  /** Accounts that an address makes in an hour. */
  registrationsPerHour: number;
  signIns: SignInLimits;
}

export interface PasswordChange {
  currentPassword: string;
  newPassword: string;
  /** Whether other sessions and the API keys stay. */
  keepOthers?: boolean | null | undefined;
}

/** An account whose password somebody claims to know. */
interface Claimed {
  /** What tries are counted by: as it was typed, so that nobody learns which names and addresses are one account. */
  login: string;
  /** Null where there is no such user. */
  user: UserRecord | null;
}

/** Lets people in by their passwords. */
export class SignInService {
  readonly #database: Database;
  readonly #passwords: Passwords;
  readonly #sessions: Sessions;
  readonly #keys: ApiKeys;
  readonly #options: SignInOptions;
  readonly #registrations: AttemptLimit;
  readonly #limit: SignInLimit;

  constructor(
    database: Database,
    passwords: Passwords,
    { sessions, keys }: { sessions: Sessions; keys: ApiKeys },
    options: SignInOptions,
  ) {
    this.#database = database;
    this.#passwords = passwords;
    this.#sessions = sessions;
    this.#keys = keys;
    this.#options = options;
    this.#registrations = new AttemptLimit(options.registrationsPerHour, HOUR_MS);
    this.#limit = new SignInLimit(options.signIns);
  }

  /**
   * Makes an account and signs in. The same registration again, password and all, signs in: the answer to the first
   * may have been lost.
   * @throws ApiError CONFLICT with the `field` that is taken, FORBIDDEN while registration is closed
   */
  async register(input: Registration, caller: Caller): Promise<SignedIn> {
    if (!this.#options.registrationOpen) {
      throw new ApiError("FORBIDDEN", "Registration is closed on this server. Ask its operator for an account.");
    }
    const { usernameKey, emailKey } = checkRegistration(input);
    const taken = await this.#taken(usernameKey, emailKey);
    if (taken !== null) return this.#registerAgain(taken, { ...input, usernameKey, emailKey }, caller);

    this.#countRegistration(caller.client);
    const passwordHash = await this.#passwords.hash(input.password, caller.client);
    const { username, email } = input;
    const createdAt = new Date();
    const user = {
      id: uuidv7(),
      username,
      usernameKey,
      email,
      emailKey,
      passwordHash,
      role: "USER" as const,
      createdAt,
    };
    try {
      return await this.#database.transaction(async (em) => {
        await em.insert(UserRecord, user);
        return this.#sessions.begin(em, user as UserRecord, caller);
      });
    } catch (error) {
      if (!(error instanceof UniqueConstraintViolationException)) throw error;
      const winner = await this.#taken(usernameKey, emailKey);
      if (winner === null) throw error;
      return this.#registerAgain(winner, { ...input, usernameKey, emailKey }, caller);
    }
  }

  /** @param login a username or an email address, in any case */
  async login(login: string, password: string, caller: Caller): Promise<SignedIn> {
    if (login.length > 254 || login.includes("\0")) {
      throw new BadUserInputError("login", "login accepts a username or an email address.");
    }
    checkAttempt(password);
    // The databases differ in whether spaces at the end count; here they don't.
    const key = login.trim().toLowerCase();
    const user = await this.#database.read((em) =>
      em.findOne(UserRecord, key.includes("@") ? { emailKey: key } : { usernameKey: key }),
    );
    const matches = await this.#verify({ login: key, user }, password, caller);
    if (user === null || !matches) {
      throw new UnauthenticatedError("There is no user with this name or email address and this password.");
    }
    return this.#database.transaction((em) => this.#sessions.begin(em, user, caller));
  }

  /**
   * Changes the password, and ends all other sessions and all API keys unless it is told not to: whoever stole one is out.
   * @throws ApiError BAD_USER_INPUT for `currentPassword` that isn't the password, and for `newPassword` that may not be chosen
   */
  async changePassword(principal: Principal, change: PasswordChange, caller: Caller): Promise<void> {
    const { currentPassword, newPassword, keepOthers = false } = change;
    const { id, username, email } = allowSession(principal);
    const prepared = named("newPassword", () => checkChosen(newPassword, { username, email }));
    named("currentPassword", () => checkAttempt(currentPassword));
    for (;;) {
      const user = await this.#database.read((em) => em.findOneOrFail(UserRecord, id));
      const { passwordHash, usernameKey: login } = user;
      const isCurrent = await this.#verify({ login, user }, currentPassword, caller);
      // It may be the new one already: the answer to the first request was lost.
      const isDone = !isCurrent && (await this.#verify({ login, user }, prepared, caller));
      if (!isCurrent && !isDone) {
        throw new BadUserInputError("currentPassword", "currentPassword is not your password.");
      }
      const hash = isDone ? passwordHash : await this.#passwords.hash(prepared, caller.client);
      const isChanged = await this.#database.transaction(async (em) => {
        await lockUser(em, id);
        // Looked for by the old hash: of two changes at once, one wins.
        if ((await em.count(UserRecord, { id, passwordHash })) === 0) return false;
        await em.nativeUpdate(UserRecord, { id }, { passwordHash: hash });
        if (keepOthers) return true;
        await this.#sessions.endOthers(em, id, principal.credential.id);
        await this.#keys.revokeAll(em, id);
        return true;
      });
      if (isChanged) return;
    }
  }

  /** Verifies a password, where the limits on guessing let it. */
  async #verify({ login, user }: Claimed, password: string, { client }: Caller): Promise<boolean> {
    this.#limit.countAddress(client);
    await this.#limit.countAccount(login, client, async () =>
      user === null ? false : this.#sessions.isKnown(user.id, client),
    );
    const matches = await this.#passwords.verify(user?.passwordHash, password, client);
    if (matches) this.#limit.succeeded(login, client);
    return matches;
  }

  #countRegistration(client: string): void {
    const retryAfterSeconds = this.#registrations.take(client);
    if (retryAfterSeconds === undefined) return;
    const message = `Your address has made ${this.#options.registrationsPerHour} accounts within an hour. Try again later.`;
    throw new ApiError("RATE_LIMITED", message, { retryAfterSeconds });
  }

  #taken(usernameKey: string, emailKey: string): Promise<UserRecord | null> {
    return this.#database.read((em) => em.findOne(UserRecord, { $or: [{ usernameKey }, { emailKey }] }));
  }

  async #registerAgain(
    user: UserRecord,
    input: Registration & { usernameKey: string; emailKey: string },
    caller: Caller,
  ): Promise<SignedIn> {
    const { usernameKey, emailKey, password } = input;
    const same = user.usernameKey === usernameKey && user.emailKey === emailKey;
    // Verified in any case: how long it takes doesn't tell whose address it is.
    const matches = await this.#verify({ login: usernameKey, user: same ? user : null }, password, caller);
    if (matches) return this.#database.transaction((em) => this.#sessions.begin(em, user, caller));
    const [field, what] = user.usernameKey === usernameKey ? ["username", "username"] : ["email", "email address"];
    throw new ApiError("CONFLICT", `This ${what} is taken.`, { field });
  }
}

/** Checks a password of `changePassword`, whose errors name the field by which it came. @throws BadUserInputError */
function named<T>(field: "currentPassword" | "newPassword", check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof BadUserInputError)) throw error;
    throw new BadUserInputError(field, error.message.replace(/^password\b/, field));
  }
}
