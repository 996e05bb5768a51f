import { LockMode, raw, UniqueConstraintViolationException } from "@mikro-orm/core";
import { v7 as uuidv7 } from "uuid";
import type { Database, EntityManager } from "../database/database.ts";
import { findPage, type Page, type PageRequest } from "../database/keyset-page.ts";
import { ApiError, BadUserInputError, NotFoundError } from "../errors.ts";
import { isUuid } from "../runtime/uuid.ts";
import { checkRegistration, type Registration } from "./registration.ts";
import { ISSUED_KEY, type Role, UserRecord } from "./user-record.ts";

const SOME = 20;
const MAX_SEARCH_LENGTH = 254;
const BY_NAME = { name: "USERS", properties: [{ usernameKey: "asc" }], index: "users_username_key_unique" } as const;

export interface UserListing extends PageRequest {
  /** Part of a username or an email address, in any case. */
  search?: string | null | undefined;
}

export interface UserChange {
  role?: Role | undefined;
  /** Whether the user and all that they made to get in by is kept out. */
  disabled?: boolean | undefined;
  /** Bytes; null for the server's default. */
  quotaBytes?: number | null | undefined;
}

/** Asks in the transaction of a change, once no other can come between, whether it may be made. Throws where it may not. */
export type MayChange = (em: EntityManager) => Promise<void>;

/** All users, as administrators and operators see them. */
export class Users {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** @param login a username or an email address, in any case, or an id: issuers' users have nothing else that is theirs alone */
  find(login: string): Promise<UserRecord | null> {
    const key = login.toLowerCase();
    if (isUuid(key)) return this.#database.read((em) => em.findOne(UserRecord, key));
    return this.#database.read((em) => em.findOne(UserRecord, { $or: [{ usernameKey: key }, { emailKey: key }] }));
  }

  /** A few, by name. */
  some(): Promise<UserRecord[]> {
    return this.#database.read((em) => em.find(UserRecord, {}, { orderBy: { usernameKey: "asc" }, limit: SOME }));
  }

  /** Lists users by name. @throws BadUserInputError */
  list({ search, ...page }: UserListing): Promise<Page<UserRecord>> {
    if (search != null && (search.length > MAX_SEARCH_LENGTH || search.includes("\0"))) {
      throw new BadUserInputError("search", `search accepts at most ${MAX_SEARCH_LENGTH} characters, and no NUL.`);
    }
    const key = search?.toLowerCase();
    // As a fragment with its values, since a `?` in the search would be taken for a placeholder.
    const where = () =>
      key ? { [raw("(instr(lower(username), ?) > 0 or instr(lower(email), ?) > 0)", [key, key])]: [] } : {};
    return findPage(this.#database, UserRecord, where, { ...BY_NAME, isLong: Boolean(key) }, page);
  }

  /** @throws ApiError BAD_USER_INPUT, CONFLICT with the `field` that is taken */
  async create(input: Registration, role: Role, passwordHash: string, mayChange: MayChange): Promise<UserRecord> {
    const { usernameKey, emailKey } = checkRegistration(input);
    const { username, email } = input;
    const user = { id: uuidv7(), username, usernameKey, email, emailKey, passwordHash, role, createdAt: new Date() };
    try {
      await this.#database.transaction(async (em) => {
        await mayChange(em);
        await em.insert(UserRecord, user);
      });
    } catch (error) {
      if (!(error instanceof UniqueConstraintViolationException)) throw error;
      const byName = await this.#database.read((em) => em.count(UserRecord, { usernameKey }));
      const [field, what] = byName > 0 ? ["username", "username"] : ["email", "email address"];
      throw new ApiError("CONFLICT", `This ${what} is taken.`, { field });
    }
    return this.#database.read((em) => em.findOneOrFail(UserRecord, user.id));
  }

  /** @throws ApiError NOT_FOUND, BAD_USER_INPUT, CONFLICT for the last administrator; then nothing was changed */
  async change(
    id: string,
    { role, disabled, quotaBytes }: UserChange,
    mayChange: MayChange = async () => {},
  ): Promise<UserRecord> {
    if (!isUuid(id)) throw new NotFoundError("user");
    if (quotaBytes != null && !(Number.isSafeInteger(quotaBytes) && quotaBytes >= 0)) {
      throw new BadUserInputError("quotaBytes", "quotaBytes accepts a number of bytes from 0, or null.");
    }
    await this.#database.transaction(async (em) => {
      if (role === "USER" || disabled === true) {
        const administrators = await lockAdministrators(em);
        if (administrators.length === 1 && administrators[0] === id) {
          const field = role === "USER" ? "role" : "disabled";
          throw new ApiError("CONFLICT", "This is the last administrator. Make another one first.", { field });
        }
      }
      await mayChange(em);
      const user = await em.findOne(UserRecord, id);
      if (user === null) throw new NotFoundError("user");
      if (role !== undefined) user.role = role;
      if (quotaBytes !== undefined) user.quotaBytes = quotaBytes;
      if (disabled !== undefined) user.disabledAt = disabled ? (user.disabledAt ?? new Date()) : null;
    });
    return this.#database.read((em) => em.findOneOrFail(UserRecord, id));
  }
}

/** The administrators who can act and whom no issuer takes away, locked until the transaction ends: of two who leave at once, one is the last. */
async function lockAdministrators(em: EntityManager): Promise<string[]> {
  const options = { fields: ["id" as const], lockMode: LockMode.PESSIMISTIC_WRITE as const };
  const where = { role: "ADMIN" as const, disabledAt: null, $not: { usernameKey: { $like: `${ISSUED_KEY}%` } } };
  return (await em.find(UserRecord, where, options)).map(({ id }) => id);
}
