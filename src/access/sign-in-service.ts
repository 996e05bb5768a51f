import { createHash, randomBytes } from "node:crypto";
import { UniqueConstraintViolationException } from "@mikro-orm/core";
import { v7 as uuidv7 } from "uuid";
import type { Database, EntityManager } from "../database/database.ts";
import { deleteInSteps } from "../database/delete-in-steps.ts";
import { ApiError, BadUserInputError, UnauthenticatedError } from "../errors.ts";
import { AccessTokenRecord } from "./session-record.ts";
import type { Passwords } from "../accounts/password-hashing.ts";
import { checkAttempt } from "../accounts/password-rules.ts";
import { checkRegistration, type Registration } from "../accounts/registration.ts";
import { RegistrationLimit } from "../accounts/registration-limit.ts";
import { UserRecord } from "../accounts/user-record.ts";

const TOKEN_PREFIX = "stw_";
const TOKEN_BYTES = 32;
const TOKEN_FORM = /^stw_[A-Za-z0-9_-]{43}$/;
/** `lastUsedAt` is as exact as this, so that reading doesn't write each time. */
const LAST_USED_PRECISION_MS = 60_000;

// Written by hand, because it runs for every request.
const SIGNED_IN = `
  select user.*, token.id as token_id, coalesce(token.last_used_at < ?, 1) as token_stale
  from access_tokens token join users user on user.id = token.user_id
  where token.token_hash = ? and token.expires_at > ?`;

export interface SignedIn {
  /** Shown this once. */
  token: string;
  expiresAt: Date;
  user: UserRecord;
}

export interface AccountOptions {
  registrationOpen: boolean;
  tokenExpiryMs: number;
  /** What each user has at most; the oldest go. No bound when left out. */
  maxTokens?: number;
  /** Accounts that an address makes in an hour; no bound when left out. */
  registrationsPerHour?: number;
}

function hashToken(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

export class AccountService {
  readonly #database: Database;
  readonly #passwords: Passwords;
  readonly #options: AccountOptions;
  readonly #registrations: RegistrationLimit;

  constructor(database: Database, passwords: Passwords, options: AccountOptions) {
    this.#database = database;
    this.#passwords = passwords;
    this.#options = options;
    this.#registrations = new RegistrationLimit(options.registrationsPerHour ?? Number.POSITIVE_INFINITY);
  }

  /**
   * Makes an account and signs in. The same registration again, password and all, signs in: the answer to the first
   * may have been lost.
   * @param client whose turn it has to be, such as an address
   * @throws ApiError CONFLICT with the `field` that is taken, FORBIDDEN while registration is closed
   */
  async register(input: Registration, client: string): Promise<SignedIn> {
    if (!this.#options.registrationOpen) {
      throw new ApiError("FORBIDDEN", "Registration is closed on this server. Ask its operator for an account.");
    }
    const { usernameKey, emailKey } = checkRegistration(input);
    const taken = await this.#taken(usernameKey, emailKey);
    if (taken !== null) return this.#registerAgain(taken, { ...input, usernameKey, emailKey }, client);

    this.#registrations.count(client);
    const passwordHash = await this.#passwords.hash(input.password, client);
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
        return this.#issueToken(em, user as UserRecord);
      });
    } catch (error) {
      if (!(error instanceof UniqueConstraintViolationException)) throw error;
      const winner = await this.#taken(usernameKey, emailKey);
      if (winner === null) throw error;
      return this.#registerAgain(winner, { ...input, usernameKey, emailKey }, client);
    }
  }

  /**
   * @param login a username or an email address, in any case
   * @param client whose turn it has to be, such as an address
   */
  async login(login: string, password: string, client: string): Promise<SignedIn> {
    if (login.length > 254 || login.includes("\0")) {
      throw new BadUserInputError("login", "login accepts a username or an email address.");
    }
    checkAttempt(password);
    // The databases differ in whether spaces at the end count; here they don't.
    const key = login.trim().toLowerCase();
    const user = await this.#database.read((em) =>
      em.findOne(UserRecord, key.includes("@") ? { emailKey: key } : { usernameKey: key }),
    );
    const matches = await this.#passwords.verify(user?.passwordHash, password, client);
    if (user === null || !matches) {
      throw new UnauthenticatedError("There is no user with this name or email address and this password.");
    }
    return this.#database.transaction((em) => this.#issueToken(em, user));
  }

  /** Revokes the token; one that is not valid, or not any more, isn't an error. */
  async logout(token: string): Promise<void> {
    await this.#database.transaction((em) => em.nativeDelete(AccessTokenRecord, { tokenHash: hashToken(token) }));
  }

  /** The user whom the token signs in; null when it is not valid. */
  async authenticate(token: string): Promise<UserRecord | null> {
    if (!TOKEN_FORM.test(token)) return null;
    const now = new Date();
    const stale = new Date(now.getTime() - LAST_USED_PRECISION_MS);
    const found = await this.#database.read(async (em) => {
      type Row = { token_id: string; token_stale: number };
      const [row] = await em.execute<Row[]>(SIGNED_IN, [stale, hashToken(token), now]);
      return (
        row && { user: em.map(UserRecord, row as never), tokenId: row.token_id, isStale: Number(row.token_stale) === 1 }
      );
    });
    if (found === undefined) return null;
    if (found.isStale) {
      // Nobody waits for it: who only reads can do so while nothing can be written.
      const written = this.#database.transaction((em) =>
        em.nativeUpdate(AccessTokenRecord, { id: found.tokenId }, { lastUsedAt: now }),
      );
      written.catch(() => {});
    }
    return found.user as UserRecord;
  }

  async removeExpiredTokens(): Promise<void> {
    const expired = { expiresAt: { $lte: new Date() } };
    await deleteInSteps(
      this.#database,
      async (em, limit) => (await em.find(AccessTokenRecord, expired, { fields: ["id"], limit })).map(({ id }) => id),
      (em, ids) => em.nativeDelete(AccessTokenRecord, { id: { $in: ids } }),
    );
  }

  #taken(usernameKey: string, emailKey: string): Promise<UserRecord | null> {
    return this.#database.read((em) => em.findOne(UserRecord, { $or: [{ usernameKey }, { emailKey }] }));
  }

  async #registerAgain(
    user: UserRecord,
    input: Registration & { usernameKey: string; emailKey: string },
    client: string,
  ): Promise<SignedIn> {
    const { usernameKey, emailKey, password } = input;
    const same = user.usernameKey === usernameKey && user.emailKey === emailKey;
    // Verified in any case: how long it takes doesn't tell whose address it is.
    const matches = await this.#passwords.verify(same ? user.passwordHash : undefined, password, client);
    if (matches) return this.#database.transaction((em) => this.#issueToken(em, user));
    const [field, what] = user.usernameKey === usernameKey ? ["username", "username"] : ["email", "email address"];
    throw new ApiError("CONFLICT", `This ${what} is taken.`, { field });
  }

  /** Makes room for one more token. */
  async #removeOldest(em: EntityManager, user: UserRecord): Promise<void> {
    const { maxTokens } = this.#options;
    if (maxTokens === undefined) return;
    const options = { orderBy: { id: "desc" as const }, limit: 1, offset: maxTokens - 1 };
    const [last] = await em.find(AccessTokenRecord, { user: user.id }, options);
    if (last !== undefined) await em.nativeDelete(AccessTokenRecord, { user: user.id, id: { $lte: last.id } });
  }

  async #issueToken(em: EntityManager, user: UserRecord): Promise<SignedIn> {
    const token = TOKEN_PREFIX + randomBytes(TOKEN_BYTES).toString("base64url");
    const createdAt = new Date();
    const expiresAt = new Date(createdAt.getTime() + this.#options.tokenExpiryMs);
    await this.#removeOldest(em, user);
    await em.insert(AccessTokenRecord, {
      id: uuidv7(),
      user: user.id,
      tokenHash: hashToken(token),
      createdAt,
      expiresAt,
    });
    return { token, expiresAt, user };
  }
}
