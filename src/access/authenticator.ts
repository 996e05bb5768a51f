import { UserRecord } from "../accounts/user-record.ts";
import type { Database } from "../database/database.ts";
import { API_KEY_PREFIX } from "./api-keys.ts";
import { Identities } from "./identities.ts";
import type { Issuers } from "./issuers.ts";
import { type CredentialKind, type Principal, SCOPES, type Scope, scopesOf } from "./principal.ts";
import { SESSION_PREFIX } from "./sessions.ts";
import { hashToken } from "./token.ts";

/** The last use is as exact as this, so that reading doesn't write each time. */
const LAST_USED_PRECISION_MS = 60_000;
const FORM = new RegExp(`^(${SESSION_PREFIX}|${API_KEY_PREFIX})[A-Za-z0-9_-]{43}$`);

interface Credential {
  kind: CredentialKind;
  table: string;
  select: string;
}

// Written by hand, because one of them runs for every request.
const credentials: Readonly<Record<string, Credential>> = {
  [SESSION_PREFIX]: {
    kind: "SESSION",
    table: "access_tokens",
    select: `
      select user.*, token.id as credential_id, null as credential_scopes,
        coalesce(token.last_used_at < ?, 1) as credential_stale
      from access_tokens token join users user on user.id = token.user_id
      where token.token_hash = ? and token.expires_at > ? and user.disabled_at is null`,
  },
  [API_KEY_PREFIX]: {
    kind: "API_KEY",
    table: "api_keys",
    select: `
      select user.*, token.id as credential_id, token.scopes as credential_scopes,
        coalesce(token.last_used_at < ?, 1) as credential_stale
      from api_keys token join users user on user.id = token.user_id
      where token.key_hash = ? and user.disabled_at is null and (token.expires_at is null or token.expires_at > ?)`,
  },
};

interface Row {
  credential_id: string;
  credential_scopes: string | null;
  credential_stale: number;
}

/** Answers who somebody is: the one place that every way in asks. */
export class Authenticator {
  readonly #database: Database;
  readonly #issuers: Issuers;
  readonly #identities: Identities;

  constructor(database: Database, issuers: Issuers) {
    this.#database = database;
    this.#issuers = issuers;
    this.#identities = new Identities(database);
  }

  /**
   * @param address whom the token came from
   * @returns null for a token that is not valid, or not any more
   * @throws ServiceUnavailableError where its issuer can't be asked
   */
  async authenticate(token: string, address: string): Promise<Principal | null> {
    const credential = credentials[FORM.exec(token)?.[1] ?? ""];
    if (credential === undefined) return this.#byIssuer(token);
    const now = new Date();
    const stale = new Date(now.getTime() - LAST_USED_PRECISION_MS);
    const found = await this.#database.read(async (em) => {
      const [row] = await em.execute<Row[]>(credential.select, [stale, hashToken(token), now]);
      return row && { row, user: em.map(UserRecord, row as never) as UserRecord };
    });
    if (found === undefined) return null;
    const { row, user } = found;
    if (Number(row.credential_stale) === 1) this.#noteUse(credential, row.credential_id, now, address);
    return { user, credential: { kind: credential.kind, id: row.credential_id }, scopes: scopesOfRow(row, user) };
  }

  async #byIssuer(token: string): Promise<Principal | null> {
    const identity = await this.#issuers.verify(token);
    if (identity === null) return null;
    const user = await this.#identities.userOf(identity);
    if (user.disabledAt !== null) return null;
    return { user, credential: { kind: "ISSUER", id: identity.subject }, scopes: scopesOf(user) };
  }

  /** Nobody waits for it: who only reads can do so while nothing can be written. */
  #noteUse({ table }: Credential, id: string, now: Date, address: string): void {
    const statement = `update ${table} set last_used_at = ?, last_used_from = ? where id = ?`;
    this.#database.transaction((em) => em.execute(statement, [now, address, id], "run")).catch(() => {});
  }
}

/** A key loses what its user may no longer. */
function scopesOfRow({ credential_scopes: named }: Row, user: UserRecord): ReadonlySet<Scope> {
  const theirs = scopesOf(user);
  if (named === null) return theirs;
  const given = named.split(" ");
  return new Set(SCOPES.filter((scope) => theirs.has(scope) && given.includes(scope)));
}
