import type { FastifyRequest } from "fastify";
import type { Authenticator } from "../../access/authenticator.ts";
import type { Principal } from "../../access/principal.ts";
import { InvalidTokenError, UnauthenticatedError } from "../../errors.ts";
import { requestToken } from "./request-token.ts";

/** Finds out whose token the request has. @throws UnauthenticatedError */
export async function signedIn(authenticator: Authenticator, request: FastifyRequest): Promise<Principal> {
  const token = requestToken(request);
  if (token === undefined) throw new UnauthenticatedError();
  const principal = await authenticator.authenticate(token, request.ip);
  if (principal === null) throw new InvalidTokenError();
  return principal;
}
