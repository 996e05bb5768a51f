import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Sessions, SignedIn } from "../../access/sessions.ts";
import type { SignInService } from "../../access/sign-in-service.ts";
import { ApiError, BadUserInputError } from "../../errors.ts";
import { expectBody } from "../body/parsed-body.ts";
import { requestCaller } from "./request-caller.ts";
import { isFromPage, requestToken, saysFromPage } from "./request-token.ts";
import { clearSessionCookie, writeSessionCookie } from "./session-cookie.ts";

/** Bytes. */
const BODY_LIMIT = 16 * 1024;

function textFields<const T extends string>(body: unknown, names: readonly T[]): Record<T, string> {
  const fields = (body ?? {}) as Record<string, unknown>;
  for (const name of names) {
    if (typeof fields[name] !== "string") throw new BadUserInputError(name, `${name} accepts a text.`);
  }
  return fields as Record<T, string>;
}

/**
 * Signing in and out of the web page, whose token lies in a cookie: `POST /registration`, `POST /session` and
 * `DELETE /session`. Everybody else calls GraphQL's mutations and sends the token as Authorization.
 */
export function registerSessionRoutes(app: FastifyInstance, signIn: SignInService, sessions: Sessions): void {
  const options = {
    schema: { hide: true },
    bodyLimit: BODY_LIMIT,
    onRequest: refuseOtherOrigins,
    preParsing: expectBody,
  };

  app.post("/registration", options, async (request, reply) => {
    const input = textFields(request.body, ["username", "email", "password"]);
    return answerWithCookie(request, reply, await signIn.register(input, requestCaller(request)));
  });
  app.post("/session", options, async (request, reply) => {
    const { login, password } = textFields(request.body, ["login", "password"]);
    return answerWithCookie(request, reply, await signIn.login(login, password, requestCaller(request)));
  });
  app.delete("/session", options, async (request, reply) => {
    const token = requestToken(request);
    if (token !== undefined) await sessions.end(token);
    clearSessionCookie(request, reply);
    return reply.code(204).send();
  });
}

async function refuseOtherOrigins(request: FastifyRequest): Promise<void> {
  if (isFromPage(request)) return;
  const { origin, host } = request.headers;
  const isElsewhere = origin === undefined || !saysFromPage(request) || request.headers["sec-fetch-site"] !== undefined;
  if (!isElsewhere) {
    const message = `The page is at ${origin}, and the request came to Stowage with 'Host: ${host}'. A reverse proxy in between has to pass the Host on: in nginx, 'proxy_set_header Host $http_host;'.`;
    throw new ApiError("FORBIDDEN", message, { origin, host });
  }
  throw new ApiError("FORBIDDEN", "This is for Stowage's own page. Use GraphQL's login, register and logout.");
}

function answerWithCookie(request: FastifyRequest, reply: FastifyReply, session: SignedIn) {
  writeSessionCookie(request, reply, session);
  const { id, username } = session.user;
  return reply.header("cache-control", "no-store").send({ user: { id, username }, expiresAt: session.expiresAt });
}
