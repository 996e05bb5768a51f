import type { Caller } from "../access/caller.ts";
import { allow, type Principal } from "../access/principal.ts";
import type { UserRecord } from "../accounts/user-record.ts";
import { InvalidTokenError, UnauthenticatedError } from "../errors.ts";
import type { PublicUrl } from "../http/public-url.ts";

/** What a resolver knows of the request it works for. */
export interface GraphQLContext {
  requestId: string;
  caller: Caller;
  publicUrl: PublicUrl;
  /** The token that came with the request, valid or not. */
  token: string | undefined;
  /** Who asks; null without a valid token. Looked up once, when first asked. */
  principal(): Promise<Principal | null>;
  /** Logs an error that the client is told nothing of. */
  logError(error: unknown, message: string): void;
}

/** @throws UnauthenticatedError without a valid token */
export async function signedIn(context: GraphQLContext): Promise<Principal> {
  const principal = await context.principal();
  if (principal === null) throw context.token === undefined ? new UnauthenticatedError() : new InvalidTokenError();
  return principal;
}

/** @throws UnauthenticatedError without a valid token; ApiError FORBIDDEN for anybody else */
export async function administrator(context: GraphQLContext): Promise<UserRecord> {
  return allow(await signedIn(context), "ADMIN");
}
