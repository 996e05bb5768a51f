import { LockMode } from "@mikro-orm/core";
import { v7 as uuidv7 } from "uuid";
import { lockUser } from "../accounts/lock-user.ts";
import { UserRecord } from "../accounts/user-record.ts";
import type { Database, EntityManager } from "../database/database.ts";
import { deleteInSteps } from "../database/delete-in-steps.ts";
import { ApiError, InvalidTokenError, UnauthenticatedError } from "../errors.ts";
import type { Caller } from "./caller.ts";
import { clientOf } from "./client-address.ts";
import { credentialId } from "./credential-id.ts";
import { allowSession, type Principal } from "./principal.ts";
import { SessionRecord } from "./session-record.ts";
import { hashToken, newToken } from "./token.ts";

export const SESSION_PREFIX = "stw_";
const MAX_USER_AGENT = 255;

export interface SignedIn {
  /** Shown this once. */
  token: string;
  expiresAt: Date;
  user: UserRecord;
}

export interface SessionOptions {
  tokenExpiryMs: number;
  /** What each user has at most; the oldest go. No bound when left out. */
  maxTokens?: number;
}

/**
 * Asks in a transaction whether the session by which a request came is there still: it may have ended since.
 * @throws InvalidTokenError
 */
export async function lockSession(em: EntityManager, { user, credential }: Principal): Promise<void> {
  const where = { id: credential.id, user: user.id, expiresAt: { $gt: new Date() } };
  const session = await em.findOne(SessionRecord, where, { lockMode: LockMode.PESSIMISTIC_WRITE });
  if (session === null) throw new InvalidTokenError();
}

/** Where a user is signed in: each sign-in makes a session, which its token stands for. */
export class Sessions {
  readonly #database: Database;
  readonly #options: SessionOptions;

  constructor(database: Database, options: SessionOptions) {
    this.#database = database;
    this.#options = options;
  }

  /**
   * Begins a session for whoever knew the password that `user` has.
   * @throws ApiError UNAUTHENTICATED when it was changed meanwhile, FORBIDDEN when the user is disabled
   */
  async begin(em: EntityManager, user: UserRecord, { userAgent, address }: Caller): Promise<SignedIn> {
    await lockUser(em, user.id);
    const fields = ["passwordHash", "disabledAt"] as const;
    const current = await em.findOneOrFail(UserRecord, user.id, { fields, refresh: true });
    if (current.passwordHash !== user.passwordHash) {
      throw new UnauthenticatedError("The password was changed meanwhile. Sign in with the new one.");
    }
    if (current.disabledAt !== null) {
      throw new ApiError("FORBIDDEN", "This account is disabled. Ask the operator of this server.");
    }
    const token = newToken(SESSION_PREFIX);
    const createdAt = new Date();
    const expiresAt = new Date(createdAt.getTime() + this.#options.tokenExpiryMs);
    await this.#removeOldest(em, user);
    await em.insert(SessionRecord, {
      id: uuidv7(),
      user: user.id,
      tokenHash: hashToken(token),
      createdAt,
      expiresAt,
      lastUsedFrom: address,
      userAgent: userAgent?.slice(0, MAX_USER_AGENT) ?? null,
    });
    return { token, expiresAt, user };
  }

  /** Lists where the user is signed in, the latest first; no more than `MAX_TOKENS`. */
  async list(principal: Principal): Promise<SessionRecord[]> {
    const { id } = allowSession(principal);
    const where = { user: id, expiresAt: { $gt: new Date() } };
    return this.#database.read((em) => em.find(SessionRecord, where, { orderBy: { id: "desc" } }));
  }

  /** Whether the user is signed in from there. @param client address, or network of IPv6 */
  async isKnown(userId: string, client: string): Promise<boolean> {
    const where = { user: userId, expiresAt: { $gt: new Date() } };
    const sessions = await this.#database.read((em) => em.find(SessionRecord, where, { fields: ["lastUsedFrom"] }));
    return sessions.some(({ lastUsedFrom }) => lastUsedFrom != null && clientOf(lastUsedFrom) === client);
  }

  /** Ends a session of the user's; one that has ended already stays ended. @throws BadUserInputError for what is no id */
  async revoke(principal: Principal, id: string): Promise<void> {
    const where = { user: allowSession(principal).id, id: credentialId(id) };
    await this.#database.transaction((em) => em.nativeDelete(SessionRecord, where));
  }

  /** Ends all of the user's sessions but the one that asks. @returns how many they were */
  async revokeOthers(principal: Principal): Promise<number> {
    const user = allowSession(principal);
    return this.#database.transaction((em) => this.endOthers(em, user.id, principal.credential.id));
  }

  endOthers(em: EntityManager, userId: string, kept: string): Promise<number> {
    return em.nativeDelete(SessionRecord, { user: userId, id: { $ne: kept } });
  }

  /** Ends the session that a token stands for; one that is not valid, or not any more, isn't an error. */
  async end(token: string): Promise<void> {
    await this.#database.transaction((em) => em.nativeDelete(SessionRecord, { tokenHash: hashToken(token) }));
  }

  async removeExpired(): Promise<void> {
    const expired = { expiresAt: { $lte: new Date() } };
    await deleteInSteps(
      this.#database,
      async (em, limit) => (await em.find(SessionRecord, expired, { fields: ["id"], limit })).map(({ id }) => id),
      (em, ids) => em.nativeDelete(SessionRecord, { id: { $in: ids } }),
    );
  }

  /** Makes room for one more. */
  async #removeOldest(em: EntityManager, user: UserRecord): Promise<void> {
    const { maxTokens } = this.#options;
    if (maxTokens === undefined) return;
    const options = { orderBy: { id: "desc" as const }, limit: 1, offset: maxTokens - 1 };
    const [last] = await em.find(SessionRecord, { user: user.id }, options);
    if (last !== undefined) await em.nativeDelete(SessionRecord, { user: user.id, id: { $lte: last.id } });
  }
}
