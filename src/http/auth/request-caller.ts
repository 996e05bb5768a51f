import type { FastifyRequest } from "fastify";
import type { Caller } from "../../access/caller.ts";
import { clientOf } from "../../access/client-address.ts";
import { requestAddress } from "./request-address.ts";

/** Tells where a request comes from. */
export function requestCaller(request: FastifyRequest): Caller {
  const address = requestAddress(request);
  const { headers } = request;
  return { client: clientOf(address), address, userAgent: headers["user-agent"] ?? null };
}
