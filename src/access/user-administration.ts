import type { Passwords } from "../accounts/password-hashing.ts";
import type { QuotaService } from "../accounts/quota-service.ts";
import { checkRegistration, type Registration } from "../accounts/registration.ts";
import type { Role, UserRecord } from "../accounts/user-record.ts";
import type { UserListing, Users } from "../accounts/users.ts";
import type { Page } from "../database/keyset-page.ts";
import type { Caller } from "./caller.ts";
import { allow, type Principal } from "./principal.ts";

export interface UserUpdate {
  role?: Role | null | undefined;
  disabled?: boolean | null | undefined;
  /** Bytes; null for the server's default, undefined for no change. */
  quotaBytes?: number | null | undefined;
}

/** What administrators do with users; each method refuses whoever is none. */
export class UserAdministration {
  readonly #users: Users;
  readonly #passwords: Passwords;
  readonly #quotas: QuotaService;

  constructor(users: Users, passwords: Passwords, quotas: QuotaService) {
    this.#users = users;
    this.#passwords = passwords;
    this.#quotas = quotas;
  }

  async list(principal: Principal, listing: UserListing): Promise<Page<UserRecord>> {
    allow(principal, "ADMIN");
    return this.#users.list(listing);
  }

  /**
   * Makes an account for somebody, also while registration is closed.
   * @throws ApiError BAD_USER_INPUT, CONFLICT with the `field` that is taken
   */
  async create(principal: Principal, input: Registration, role: Role, { client }: Caller): Promise<UserRecord> {
    allow(principal, "ADMIN");
    checkRegistration(input);
    return this.#users.create(input, role, await this.#passwords.hash(input.password, client));
  }

  /** @throws ApiError NOT_FOUND, BAD_USER_INPUT, CONFLICT for the last administrator */
  async update(principal: Principal, id: string, { role, disabled, quotaBytes }: UserUpdate): Promise<UserRecord> {
    allow(principal, "ADMIN");
    const user = await this.#users.change(id, { role: role ?? undefined, disabled: disabled ?? undefined });
    if (quotaBytes !== undefined) await this.#quotas.setQuota(user.id, quotaBytes);
    return user;
  }
}
