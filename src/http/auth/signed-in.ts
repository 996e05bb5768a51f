import type { FastifyRequest } from "fastify";
import type { AccountService } from "../../access/sign-in-service.ts";
import type { UserRecord } from "../../accounts/user-record.ts";
import { InvalidTokenError, UnauthenticatedError } from "../../errors.ts";
import { requestToken } from "./request-token.ts";

/** The user whose token the request has. @throws UnauthenticatedError */
export async function signedIn(accounts: AccountService, request: FastifyRequest): Promise<UserRecord> {
  const token = requestToken(request);
  if (token === undefined) throw new UnauthenticatedError();
  const user = await accounts.authenticate(token);
  if (user === null) throw new InvalidTokenError();
  return user;
}
