import type { Database } from "../database/database.ts";
import { type Role, User } from "./user-record.ts";

const SOME = 20;

/** Users as the operator sees them. */
export class UserDirectory {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** @param login a username or an email address, in any case */
  find(login: string): Promise<User | null> {
    const key = login.toLowerCase();
    return this.#database.read((em) => em.findOne(User, { $or: [{ usernameKey: key }, { emailKey: key }] }));
  }

  /** A few, by name. */
  some(): Promise<User[]> {
    return this.#database.read((em) => em.find(User, {}, { orderBy: { usernameKey: "asc" }, limit: SOME }));
  }

  async setRole(userId: string, role: Role): Promise<void> {
    await this.#database.transaction((em) => em.nativeUpdate(User, { id: userId }, { role }));
  }

  administrators(): Promise<number> {
    return this.#database.read((em) => em.count(User, { role: "ADMIN" }));
  }
}
