import type { FastifyRequest } from "fastify";

/** Each is told of once; of more than these, nothing: whoever likes may send any. */
const MOST_TOLD = 100;

/** A hook that names to the operator the origins that CORS_ORIGINS doesn't have, and whose scripts read no answer. */
export function tellRefusedOrigins(corsOrigins: readonly string[]) {
  const told = new Set<string>();
  return async ({ headers: { origin }, host, log }: FastifyRequest): Promise<void> => {
    if (origin === undefined || corsOrigins.includes(origin) || told.has(origin) || told.size >= MOST_TOLD) return;
    if (!URL.canParse(origin) || new URL(origin).host === host) return;
    told.add(origin);
    log.warn(
      { origin: new URL(origin).origin },
      "a script of another origin was refused: CORS_ORIGINS doesn't name it",
    );
  };
}
