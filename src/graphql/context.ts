import type { UserRecord } from "../accounts/user-record.ts";
import { ApiError, InvalidTokenError, UnauthenticatedError } from "../errors.ts";
import type { PublicUrl } from "../http/public-url.ts";

/** What a resolver knows of the request it works for. */
export interface GraphQLContext {
  requestId: string;
  /** Whom the request comes from, as far as its address tells. */
  client: string;
  publicUrl: PublicUrl;
  /** The token that came with the request, valid or not. */
  token: string | undefined;
  /** The signed-in user; null without a valid token. Looked up once, when first asked. */
  user(): Promise<UserRecord | null>;
  /** Logs an error that the client is told nothing of. */
  logError(error: unknown, message: string): void;
}

/** @throws UnauthenticatedError without a valid token */
export async function signedIn(context: GraphQLContext): Promise<UserRecord> {
  const user = await context.user();
  if (user === null) throw context.token === undefined ? new UnauthenticatedError() : new InvalidTokenError();
  return user;
}

/** @throws UnauthenticatedError without a valid token; ApiError FORBIDDEN for anybody else */
export async function administrator(context: GraphQLContext): Promise<UserRecord> {
  const user = await signedIn(context);
  if (user.role !== "ADMIN") throw new ApiError("FORBIDDEN", "This is for administrators.");
  return user;
}
