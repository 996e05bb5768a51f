import { LockMode } from "@mikro-orm/core";
import type { Passwords } from "../accounts/password-hashing.ts";
import { checkRegistration, type Registration } from "../accounts/registration.ts";
import { type Role, UserRecord } from "../accounts/user-record.ts";
import type { MayChange, UserChange, UserListing, Users } from "../accounts/users.ts";
import type { Page } from "../database/keyset-page.ts";
import { ApiError } from "../errors.ts";
import type { Caller } from "./caller.ts";
import { allow, allowSession, type Principal } from "./principal.ts";
import { lockSession } from "./sessions.ts";

/** What administrators do with users; each method refuses whoever is none. */
export class UserAdministration {
  readonly #users: Users;
  readonly #passwords: Passwords;

  constructor(users: Users, passwords: Passwords) {
    this.#users = users;
    this.#passwords = passwords;
  }

  async list(principal: Principal, listing: UserListing): Promise<Page<UserRecord>> {
    allow(principal, "ADMIN");
    return this.#users.list(listing);
  }

  /**
   * Makes an account for somebody, also while registration is closed; again with all the same, password and all: the same.
   * @throws ApiError BAD_USER_INPUT, CONFLICT with the `field` that is taken
   */
  async create(principal: Principal, input: Registration, role: Role, { client }: Caller): Promise<UserRecord> {
    allow(principal, "ADMIN");
    allowSession(principal);
    const { usernameKey, emailKey } = checkRegistration(input);
    const passwordHash = await this.#passwords.hash(input.password, client);
    try {
      return await this.#users.create(input, role, passwordHash, stillAdministrator(principal));
    } catch (error) {
      if (!(error instanceof ApiError && error.code === "CONFLICT")) throw error;
      // The answer to the first may have been lost.
      const made = await this.#users.find(input.username);
      const isSame = made?.usernameKey === usernameKey && made.emailKey === emailKey && made.role === role;
      if (isSame && (await this.#passwords.verify(made.passwordHash, input.password, client))) return made;
      throw error;
    }
  }

  /** @throws ApiError NOT_FOUND, BAD_USER_INPUT, CONFLICT for the last administrator */
  async update(principal: Principal, id: string, change: UserChange): Promise<UserRecord> {
    allow(principal, "ADMIN");
    allowSession(principal);
    return this.#users.change(id, change, stillAdministrator(principal));
  }
}

/** Whether the principal is an administrator still, and signed in: a request may take long before it comes to its act. */
function stillAdministrator(principal: Principal): MayChange {
  return async (em) => {
    const where = { id: principal.user.id, role: "ADMIN" as const, disabledAt: null };
    const options = { lockMode: LockMode.PESSIMISTIC_WRITE as const, refresh: true };
    const administrator = await em.findOne(UserRecord, where, options);
    if (administrator === null) throw new ApiError("FORBIDDEN", "This is for administrators.", { needed: "ADMIN" });
    await lockSession(em, principal);
  };
}
