import { parseCookie, stringifySetCookie } from "cookie";
import type { FastifyReply, FastifyRequest } from "fastify";

const SECONDS = 1000;

/** Prefix of the name over TLS: it makes browsers refuse a cookie that another host, or a connection without TLS, had set. */
function cookieName({ protocol }: FastifyRequest): string {
  return protocol === "https" ? "__Host-stowage" : "stowage";
}

/** Sets a cookie out of reach of scripts, which is never sent along by another site. */
function setCookie(request: FastifyRequest, reply: FastifyReply, value: string, maxAge: number): void {
  const secure = request.protocol === "https";
  const attributes = { path: "/", maxAge, httpOnly: true, sameSite: "strict", secure } as const;
  const cookie = stringifySetCookie({ name: cookieName(request), value, ...attributes });
  void reply.header("set-cookie", cookie);
}

export function writeSessionCookie(
  request: FastifyRequest,
  reply: FastifyReply,
  session: { token: string; expiresAt: Date },
): void {
  const seconds = Math.floor((session.expiresAt.getTime() - Date.now()) / SECONDS);
  setCookie(request, reply, session.token, Math.max(0, seconds));
}

export function clearSessionCookie(request: FastifyRequest, reply: FastifyReply): void {
  setCookie(request, reply, "", 0);
}

export function readSessionCookie(request: FastifyRequest): string | undefined {
  return parseCookie(request.headers.cookie ?? "")[cookieName(request)] || undefined;
}
