import type { FastifyRequest } from "fastify";

/** A header's value; several lines of it are one value, as RFC 9110 section 5.3 has it. */
export function header(request: FastifyRequest, name: string): string | undefined {
  return request.headers[name]?.toString();
}
