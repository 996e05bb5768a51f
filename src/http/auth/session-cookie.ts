import type { FastifyReply, FastifyRequest } from "fastify";

const SECONDS = 1000;

/** Over TLS, the prefix makes browsers refuse a cookie that another host, or a connection without TLS, had set. */
function cookieName({ protocol }: FastifyRequest): string {
  return protocol === "https" ? "__Host-stowage" : "stowage";
}

function setCookie(request: FastifyRequest, reply: FastifyReply, value: string, maxAgeSeconds: number): void {
  const secure = request.protocol === "https" ? "; Secure" : "";
  const attributes = `Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict${secure}`;
  void reply.header("set-cookie", `${cookieName(request)}=${value}; ${attributes}`);
}

/** Out of reach of scripts, and never sent along by another site. */
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
  const name = cookieName(request);
  for (const pair of request.headers.cookie?.split(";") ?? []) {
    const [key, value] = pair.trim().split("=", 2);
    if (key === name && value) return value;
  }
  return undefined;
}
