import { createHash } from "node:crypto";
import { UniqueConstraintViolationException } from "@mikro-orm/core";
import { v7 as uuidv7 } from "uuid";
import { isEmail } from "../accounts/registration.ts";
import { ISSUED_KEY, UserRecord } from "../accounts/user-record.ts";
import type { Database } from "../database/database.ts";
import { AttemptLimit } from "./attempt-limit.ts";
import { IdentityRecord } from "./identity-record.ts";
import type { Identity } from "./issuers.ts";

// Written by hand, because it runs for every request.
const FIND = `
  select user.* from identities identity join users user on user.id = identity.user_id
  where identity.issuer = ? and identity.subject = ?`;
const KEY_LENGTH = 31;
const MAX_USERNAME = 32;
/** How often what is told of a user is written at most. */
const CHANGE_MS = 60_000;

/** The users whom issuers know: each is made when a token first tells of them, and follows what later ones say. */
export class Identities {
  readonly #database: Database;
  readonly #changes = new AttemptLimit(1, CHANGE_MS);

  constructor(database: Database) {
    this.#database = database;
  }

  /** @returns the user as this token tells of them; what changed is kept in the background */
  async userOf(identity: Identity): Promise<UserRecord> {
    const user = (await this.#find(identity)) ?? (await this.#make(identity));
    const told = toldOf(identity);
    const isSame = Object.entries(told).every(([name, value]) => user[name as keyof typeof told] === value);
    if (isSame || user.disabledAt !== null) return user;
    // Two tokens that disagree don't write at each request.
    if (this.#changes.take(user.id) === undefined) {
      this.#database.transaction((em) => em.nativeUpdate(UserRecord, { id: user.id }, told)).catch(() => {});
    }
    return Object.assign(user, told);
  }

  #find({ issuer, subject }: Identity): Promise<UserRecord | null> {
    return this.#database.read(async (em) => {
      const [row] = await em.execute<object[]>(FIND, [issuer, subject]);
      return row === undefined ? null : (em.map(UserRecord, row as never) as UserRecord);
    });
  }

  async #make(identity: Identity): Promise<UserRecord> {
    const { issuer, subject } = identity;
    const key = keyOf(identity);
    const user = {
      id: uuidv7(),
      username: "user",
      email: "",
      role: "USER" as const,
      ...toldOf(identity),
      usernameKey: key,
      emailKey: key,
      // No password has it.
      passwordHash: "none",
      createdAt: new Date(),
    };
    try {
      await this.#database.transaction(async (em) => {
        await em.insert(UserRecord, user);
        await em.insert(IdentityRecord, { issuer, subject, user: user.id });
      });
    } catch (error) {
      // Somebody else made it meanwhile.
      if (!(error instanceof UniqueConstraintViolationException)) throw error;
    }
    const made = await this.#find(identity);
    if (made === null) throw new Error(`The user of ${issuer} could not be made.`);
    return made;
  }
}

/** A local user may have the same name and address: an issuer's are keyed by what no local one can be called. */
function keyOf({ issuer, subject }: Identity): string {
  const hash = createHash("sha256").update(`${issuer}\0${subject}`).digest("hex");
  return ISSUED_KEY + hash.slice(0, KEY_LENGTH);
}

/** What the token says of the user; what it doesn't say stays as it was. */
function toldOf({ name, email, isAdmin }: Identity): Partial<Pick<UserRecord, "username" | "email" | "role">> {
  const username = name?.replace(/[^\w.-]/g, "_").slice(0, MAX_USERNAME);
  return {
    ...(username && { username }),
    ...(email !== undefined && isEmail(email) && { email }),
    ...(isAdmin !== undefined && { role: isAdmin ? ("ADMIN" as const) : ("USER" as const) }),
  };
}
