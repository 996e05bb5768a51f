import type { FastifyRequest } from "fastify";

/** Of a route whose path has `:id`. */
export function uploadId(request: FastifyRequest): string {
  return (request.params as { id: string }).id;
}
