import { createHash } from "node:crypto";
import { UniqueConstraintViolationException } from "@mikro-orm/core";
import { v7 as uuidv7 } from "uuid";
import { type Role, UserRecord } from "../accounts/user-record.ts";
import type { Database } from "../database/database.ts";
import { IdentityRecord } from "./identity-record.ts";
import type { Identity } from "./issuers.ts";

// Written by hand, because it runs for every request.
const FIND = `
  select user.* from identities identity join users user on user.id = identity.user_id
  where identity.issuer = ? and identity.subject = ?`;
const KEY_LENGTH = 31;
const MAX_USERNAME = 32;
const MAX_EMAIL = 254;

/** The users whom issuers know: each is made when a token first tells of them, and follows what later ones say. */
export class Identities {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async userOf(identity: Identity): Promise<UserRecord> {
    const found = await this.#find(identity);
    const user = found ?? (await this.#make(identity));
    const told = toldOf(identity, user.role);
    const isSame = user.username === told.username && user.email === told.email && user.role === told.role;
    if (isSame) return user;
    await this.#database.transaction((em) => em.nativeUpdate(UserRecord, { id: user.id }, told));
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
      ...toldOf(identity, "USER"),
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
  return `@${hash.slice(0, KEY_LENGTH)}`;
}

function toldOf({ name, email, isAdmin, subject }: Identity, role: Role) {
  const username = [...(name ?? subject).replace(/[^\w.-]/g, "_")].slice(0, MAX_USERNAME).join("");
  return {
    username: username === "" ? "user" : username,
    email: email !== undefined && email.length <= MAX_EMAIL ? email : "",
    role: isAdmin === undefined ? role : isAdmin ? ("ADMIN" as const) : ("USER" as const),
  };
}
