import type { UserRecord } from "../accounts/user-record.ts";
import { ApiError } from "../errors.ts";

/** What a credential may be used for. */
export const SCOPES = ["FILES_READ", "FILES_WRITE", "ADMIN"] as const;
export type Scope = (typeof SCOPES)[number];

/** What a principal came in by. */
export type CredentialKind = "SESSION" | "API_KEY" | "ISSUER";

/** Who asks, what they came in by, and what they may do with it. */
export interface Principal {
  readonly user: UserRecord;
  readonly credential: { readonly kind: CredentialKind; readonly id: string };
  readonly scopes: ReadonlySet<Scope>;
}

/** The scopes of a session: all that its user may. */
export function scopesOf({ role }: Pick<UserRecord, "role">): ReadonlySet<Scope> {
  return new Set(SCOPES.filter((scope) => scope !== "ADMIN" || role === "ADMIN"));
}

/**
 * Asks whether the principal may do what any of the scopes allows; `ADMIN` allows no more than itself.
 * @returns the user it acts for
 * @throws ApiError FORBIDDEN with `needed`
 */
export function allow({ user, scopes }: Principal, ...anyOf: [Scope, ...Scope[]]): UserRecord {
  if (anyOf.some((scope) => scopes.has(scope))) return user;
  const [needed] = anyOf;
  const message =
    needed === "ADMIN" && user.role !== "ADMIN" ? "This is for administrators." : `This needs a token with ${needed}.`;
  throw new ApiError("FORBIDDEN", message, { needed });
}

/**
 * Asks whether the principal has signed in with a password: only then may it see to the account and its credentials.
 * @throws ApiError FORBIDDEN with `needed`
 */
export function allowSession({ user, credential }: Principal): UserRecord {
  if (credential.kind === "SESSION") return user;
  throw new ApiError("FORBIDDEN", "This takes a session: sign in with a password.", { needed: "SESSION" });
}
