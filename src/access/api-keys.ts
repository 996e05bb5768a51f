import { v7 as uuidv7 } from "uuid";
import type { UserRecord } from "../accounts/user-record.ts";
import type { Database, EntityManager } from "../database/database.ts";
import { ApiError, BadUserInputError } from "../errors.ts";
import { isUuid } from "../runtime/uuid.ts";
import { ApiKeyRecord } from "./api-key-record.ts";
import { allowSession, type Principal, type Scope, scopesOf } from "./principal.ts";
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
    return this.createFor(allowSession(principal), request);
  }

  /** Makes a key for a user whom nobody signed in, as an operator may. */
  async createFor(user: UserRecord, request: ApiKeyRequest): Promise<CreatedApiKey> {
    const { name, scopes, expiresInSeconds } = checked(user, request);
    const token = newToken(API_KEY_PREFIX);
    const createdAt = new Date();
    const key = {
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
    await this.#database.transaction(async (em) => {
      // The user's row is locked, so that no two count at once.
      await em.execute("update users set role = role where id = ?", [user.id], "run");
      if ((await em.count(ApiKeyRecord, { user: user.id })) >= MOST_KEYS) {
        const message = `You have ${MOST_KEYS} API keys, as many as you may have. Revoke one first.`;
        throw new ApiError("QUOTA_EXCEEDED", message, { limit: MOST_KEYS });
      }
      await em.insert(ApiKeyRecord, key);
    });
    return { token, key: key as unknown as ApiKeyRecord };
  }

  /** Lists the user's keys, the latest first, expired ones too. */
  async list(principal: Principal): Promise<ApiKeyRecord[]> {
    const { id } = allowSession(principal);
    return this.#database.read((em) => em.find(ApiKeyRecord, { user: id }, { orderBy: { id: "desc" } }));
  }

  /** Takes a key away; one that is gone already stays gone. */
  async revoke(principal: Principal, id: string): Promise<void> {
    const user = allowSession(principal);
    if (!isUuid(id)) return;
    await this.#database.transaction((em) => em.nativeDelete(ApiKeyRecord, { id, user: user.id }));
  }

  revokeAll(em: EntityManager, userId: string): Promise<number> {
    return em.nativeDelete(ApiKeyRecord, { user: userId });
  }
}

function checked(user: UserRecord, { name, scopes, expiresInSeconds = null }: ApiKeyRequest) {
  const { length } = [...name.trim()];
  if (length < 1 || length > MAX_NAME_LENGTH || /\p{Cc}/u.test(name) || !name.isWellFormed()) {
    const takes = `accepts 1 to ${MAX_NAME_LENGTH} characters without control characters; this one has ${length}`;
    throw new BadUserInputError("name", `name ${takes}.`);
  }
  if (scopes.length === 0) throw new BadUserInputError("scopes", "scopes accepts at least one.");
  const theirs = scopesOf(user);
  const needed = scopes.find((scope) => !theirs.has(scope));
  if (needed !== undefined) throw new ApiError("FORBIDDEN", `You don't have ${needed} yourself.`, { needed });
  const seconds = expiresInSeconds;
  if (seconds !== null && !(Number.isInteger(seconds) && seconds >= 1 && seconds <= MAX_SECONDS)) {
    throw new BadUserInputError(
      "expiresInSeconds",
      `expiresInSeconds accepts 1 to ${MAX_SECONDS}, ten years, or null.`,
    );
  }
  return { name: name.trim(), scopes: [...new Set(scopes)], expiresInSeconds: seconds };
}
