import type { FastifyRequest } from "fastify";
import { bearerToken } from "./bearer-token.ts";
import { readSessionCookie } from "./session-cookie.ts";

/** What the page's own scripts send, and no other origin's can without asking by a preflight, which is refused. */
const PAGE_HEADER = "stowage-page";

/**
 * The token that a request comes with: its Authorization header's, or else that of the page's cookie. A browser adds
 * the cookie by itself, also where another site made it send the request: it counts only where the page did.
 */
export function requestToken(request: FastifyRequest): string | undefined {
  const { authorization } = request.headers;
  // Another scheme, such as Basic, is a proxy's.
  if (/^Bearer\b/i.test(authorization ?? "")) return bearerToken(authorization);
  return isSafeRead(request) || isFromPage(request) ? readSessionCookie(request) : undefined;
}

/** Whether the page's scripts say that they sent it, whatever its origin. */
export function saysFromPage(request: FastifyRequest): boolean {
  return request.headers[PAGE_HEADER] !== undefined;
}

/** Whether the page's scripts sent it; only they may change something by cookie. */
export function isFromPage(request: FastifyRequest): boolean {
  return saysFromPage(request) && isSameOrigin(request);
}

/** A download or a GraphQL query, by the page or typed into the address bar. */
function isSafeRead(request: FastifyRequest): boolean {
  if (request.method !== "GET" && request.method !== "HEAD") return false;
  return isSameOrigin(request) || request.headers["sec-fetch-site"] === "none";
}

/** SameSite takes other ports and subdomains for the same site: this doesn't. */
function isSameOrigin({ headers, host }: FastifyRequest): boolean {
  const site = headers["sec-fetch-site"];
  if (site !== undefined) return site === "same-origin";
  // Browsers tell the site to https and localhost only.
  const { origin } = headers;
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
}
