import { type Principal, scopesOf } from "../../src/access/principal.ts";
import type { UserRecord } from "../../src/accounts/user-record.ts";

/** The user, as signed in. */
export function sessionOf(user: UserRecord): Principal {
  return { user, credential: { kind: "SESSION", id: user.id }, scopes: scopesOf(user) };
}
