import type { Database } from "../database/database.ts";
import { type Role, UserRecord } from "./user-record.ts";

const SOME = 20;

/** Users as the operator sees them. */
export class UserDirectory {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** @param login a username or an email address, in any case */
  find(login: string): Promise<UserRecord | null> {
    const key = login.toLowerCase();
    return this.#database.read((em) => em.findOne(UserRecord, { $or: [{ usernameKey: key }, { emailKey: key }] }));
  }

  /** A few, by name. */
  some(): Promise<UserRecord[]> {
    return this.#database.read((em) => em.find(UserRecord, {}, { orderBy: { usernameKey: "asc" }, limit: SOME }));
  }

  async setRole(userId: string, role: Role): Promise<void> {
    await this.#database.transaction((em) => em.nativeUpdate(UserRecord, { id: userId }, { role }));
  }

  administrators(): Promise<number> {
    return this.#database.read((em) => em.count(UserRecord, { role: "ADMIN" }));
  }
}
