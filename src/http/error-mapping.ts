import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { type ErrorCode, StowageError } from "../errors.ts";
import { RequestBodyError } from "./request-body-error.ts";

const statusOf: Record<ErrorCode, number> = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  BAD_USER_INPUT: 400,
  CONFLICT: 409,
  CHUNK_SIZE_MISMATCH: 400,
  CHUNK_DIGEST_MISMATCH: 400,
  CHUNK_CONFLICT: 409,
  DIGEST_MISMATCH: 409,
  UPLOAD_INCOMPLETE: 409,
  UPLOAD_CLOSED: 409,
  FILE_TOO_LARGE: 413,
  RATE_LIMITED: 429,
  INSUFFICIENT_STORAGE: 507,
  DATA_UNAVAILABLE: 503,
  SERVICE_UNAVAILABLE: 503,
};
const RETRY_AFTER_SECONDS = 5;

/** Answers `{ code, message, requestId }` and the code's facts; what it doesn't know is a plain 500. */
export function handleError(error: FastifyError | StowageError | Error, request: FastifyRequest, reply: FastifyReply) {
  const requestId = request.id;
  if (error instanceof StowageError) {
    const status = error instanceof RequestBodyError ? error.status : statusOf[error.code];
    if (status >= 500) request.log.error({ err: error }, "request failed");
    if (status === 401) void reply.header("www-authenticate", 'Bearer realm="stowage"');
    if (status === 429 || status === 503) {
      void reply.header("retry-after", error.facts["retryAfterSeconds"] ?? RETRY_AFTER_SECONDS);
    }
    return reply.code(status).send({ code: error.code, message: error.message, ...error.facts, requestId });
  }
  const status = "statusCode" in error && error.statusCode !== undefined ? error.statusCode : 500;
  if (status >= 400 && status < 500) {
    return reply.code(status).send({ code: "BAD_USER_INPUT", message: error.message, requestId });
  }
  request.log.error({ err: error }, "request failed");
  const message = "Something went wrong on the server. Its log has the cause under this requestId.";
  return reply.code(500).send({ code: "INTERNAL_SERVER_ERROR", message, requestId });
}

export function handleNotFound(request: FastifyRequest, reply: FastifyReply) {
  const message = `There is nothing at ${request.method} ${request.url.split("?")[0]}. See /docs and /graphql.`;
  return reply.code(404).send({ code: "NOT_FOUND", message, requestId: request.id });
}
