import { v7 as uuidv7 } from "uuid";
import { lockUser } from "../accounts/lock-user.ts";
import type { UserRecord } from "../accounts/user-record.ts";
import type { Database, EntityManager } from "../database/database.ts";
import { ApiError, BadUserInputError } from "../errors.ts";
import { UNSEEN } from "../runtime/unseen.ts";
import { ApiKeyRecord } from "./api-key-record.ts";
import { credentialId } from "./credential-id.ts";
import { allowSession, type Principal, type Scope, scopesOf } from "./principal.ts";
import { lockSession } from "./sessions.ts";
import { hashToken, newToken } from "./token.ts";

export const API_KEY_PREFIX = "stk_";
/** Keys of each user. */
const MOST_KEYS = 100;
const MAX_NAME_LENGTH = 100;
const YEAR_SECONDS = 365 * 24 * 3600;
const MAX_SECONDS = 10 * YEAR_SECONDS;

export interface ApiKeyRequest {
  /** 1 to 100 characters. */
  name: string;
  /** At least one. */
  scopes: readonly Scope[];
  /** 1 to ten years; null for a key without an end. */
  expiresInSeconds?: number | null | undefined;
}

export interface CreatedApiKey {
  /** Shown this once. */
  token: string;
  key: ApiKeyRecord;
}

/** Keys for programs: they don't sign in, have a name, and may do less than their user. */
export class ApiKeys {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** @throws ApiError BAD_USER_INPUT, FORBIDDEN for a scope that the user doesn't have, QUOTA_EXCEEDED */
  async create(principal: Principal, request: ApiKeyRequest): Promise<CreatedApiKey> {
    const user = allowSession(principal);
    // A key would outlive a session that has ended meanwhile.
    return this.#create(user, request, (em) => lockSession(em, principal));
  }

  /** Makes a key for a user whom nobody signed in, as an operator may. */
  async createFor(user: UserRecord, request: ApiKeyRequest): Promise<CreatedApiKey> {
    return this.#create(user, request, async () => {});
  }

  async #create(
    user: UserRecord,
    request: ApiKeyRequest,
    check: (em: EntityManager) => Promise<void>,
  ): Promise<CreatedApiKey> {
    const { name, scopes, expiresInSeconds } = checked(user, request);
    const token = newToken(API_KEY_PREFIX);
    const createdAt = new Date();
    const facts = {
      id: uuidv7(),
      user: user.id,
      keyHash: hashToken(token),
      name,
      scopes: scopes.join(" "),
      createdAt,
      expiresAt: expiresInSeconds === null ? null : new Date(createdAt.getTime() + expiresInSeconds * 1000),
      lastUsedAt: null,
      lastUsedFrom: null,
    };
    const key = await this.#database.transaction(async (em) => {
      // So that no two count at once.
      await lockUser(em, user.id);
      await check(em);
      if ((await em.count(ApiKeyRecord, { user: user.id })) >= MOST_KEYS) {
        const message = `You have ${MOST_KEYS} API keys, as many as you may have. Revoke one first.`;
        throw new ApiError("QUOTA_EXCEEDED", message, { limit: MOST_KEYS });
      }
      return em.create(ApiKeyRecord, facts, { persist: true });
    });
    return { token, key };
  }

  /** Lists the user's keys, the latest first, expired ones too. */
  async list(principal: Principal): Promise<ApiKeyRecord[]> {
    const { id } = allowSession(principal);
    return this.#database.read((em) => em.find(ApiKeyRecord, { user: id }, { orderBy: { id: "desc" } }));
  }

  /** Takes a key away; one that is gone already stays gone. @throws BadUserInputError for what is no id */
  async revoke(principal: Principal, id: string): Promise<void> {
    const where = { user: allowSession(principal).id, id: credentialId(id) };
    await this.#database.transaction((em) => em.nativeDelete(ApiKeyRecord, where));
  }

  revokeAll(em: EntityManager, userId: string): Promise<number> {
    return em.nativeDelete(ApiKeyRecord, { user: userId });
  }
}

function checked(user: UserRecord, { name, scopes, expiresInSeconds = null }: ApiKeyRequest) {
  const { length } = [...name.trim()];
  if (length < 1 || length > MAX_NAME_LENGTH || UNSEEN.test(name) || !name.isWellFormed()) {
    const takes = `accepts 1 to ${MAX_NAME_LENGTH} characters without control characters or text-direction overrides; this one has ${length}`;
    throw new BadUserInputError("name", `name ${takes}.`);
  }
  if (scopes.length === 0) throw new BadUserInputError("scopes", "scopes accepts at least one.");
  const theirs = scopesOf(user);
  const needed = scopes.find((scope) => !theirs.has(scope));
  if (needed !== undefined) throw new ApiError("FORBIDDEN", `${user.username} doesn't have ${needed}.`, { needed });
  const seconds = expiresInSeconds;
  if (seconds !== null && !(Number.isInteger(seconds) && seconds >= 1 && seconds <= MAX_SECONDS)) {
    throw new BadUserInputError(
      "expiresInSeconds",
      `expiresInSeconds accepts 1 to ${MAX_SECONDS}, ten years, or null.`,
    );
  }
  return { name: name.trim(), scopes: [...new Set(scopes)], expiresInSeconds: seconds };
}
