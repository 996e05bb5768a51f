import type { FastifyRequest } from "fastify";
import type { Authenticator } from "../../access/authenticator.ts";
import type { Principal } from "../../access/principal.ts";
import { InvalidTokenError, UnauthenticatedError } from "../../errors.ts";
import { requestAddress } from "./request-address.ts";
import { requestToken } from "./request-token.ts";

/** Finds out whose token the request has. @throws UnauthenticatedError */
export async function signedIn(authenticator: Authenticator, request: FastifyRequest): Promise<Principal> {
  const token = requestToken(request);
  if (token === undefined) throw new UnauthenticatedError();
  const principal = await authenticator.authenticate(token, requestAddress(request));
  if (principal === null) throw new InvalidTokenError();
  return principal;
}
