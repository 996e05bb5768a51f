import type { FastifyRequest } from "fastify";
import type { Caller } from "../../access/caller.ts";
import { clientOf } from "../../access/client-address.ts";

/** Tells where a request comes from. */
export function requestCaller({ ip, headers }: FastifyRequest): Caller {
  return { client: clientOf(ip), address: ip, userAgent: headers["user-agent"] ?? null };
}
