import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { ApiError, type ErrorCode, InvalidTokenError, RETRY_AFTER_SECONDS } from "../errors.ts";
import { sendError, sendNotFound } from "./pages/error-page.ts";
import { StatusError } from "./status-error.ts";

const statusOf: Record<ErrorCode, number> = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  BAD_USER_INPUT: 400,
  CONFLICT: 409,
  CHUNK_SIZE_MISMATCH: 400,
  CHUNK_DIGEST_MISMATCH: 400,
  CHUNK_CONFLICT: 409,
  OFFSET_MISMATCH: 409,
  DIGEST_MISMATCH: 409,
  UPLOAD_INCOMPLETE: 409,
  UPLOAD_CLOSED: 409,
  FILE_TOO_LARGE: 413,
  QUOTA_EXCEEDED: 413,
  RATE_LIMITED: 429,
  INSUFFICIENT_STORAGE: 507,
  DATA_UNAVAILABLE: 503,
  SERVICE_UNAVAILABLE: 503,
};

/** @param statuses those of codes that a protocol wants to have another status */
export function statusFor(error: ApiError, statuses: Partial<Record<ErrorCode, number>> = {}): number {
  return error instanceof StatusError ? error.status : (statuses[error.code] ?? statusOf[error.code]);
}

export const INTERNAL_ERROR_MESSAGE = "Something went wrong on the server. Its log has the cause under this requestId.";

/**
 * Answers `{ code, message, requestId }` and the code's facts; what it doesn't know is a plain 500.
 * @param statuses those of codes that a protocol wants to have another status
 */
export function handleError(
  error: FastifyError | ApiError | Error,
  request: FastifyRequest,
  reply: FastifyReply,
  statuses: Partial<Record<ErrorCode, number>> = {},
) {
  const requestId = request.id;
  if (error instanceof ApiError) {
    const status = statusFor(error, statuses);
    if (status >= 500 && error.code !== "BAD_USER_INPUT") request.log.error({ err: error }, "request failed");
    if (status === 401) {
      const why = error instanceof InvalidTokenError ? ', error="invalid_token"' : "";
      void reply.header("www-authenticate", `Bearer realm="stowage"${why}`);
    }
    if (status === 429 || status === 503) {
      void reply.header("retry-after", error.facts["retryAfterSeconds"] ?? RETRY_AFTER_SECONDS);
    }
    void reply.code(status);
    return sendError(request, reply, { code: error.code, message: error.message, ...error.facts, requestId });
  }
  const status = "statusCode" in error && error.statusCode !== undefined ? error.statusCode : 500;
  if (status >= 400 && status < 500) {
    return sendError(request, reply.code(status), { code: "BAD_USER_INPUT", message: error.message, requestId });
  }
  request.log.error({ err: error }, "request failed");
  const facts = { code: "INTERNAL_SERVER_ERROR", message: INTERNAL_ERROR_MESSAGE, requestId };
  return sendError(request, reply.code(500), facts);
}

const METHODS = ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"] as const;

/** 404, or 405 with Allow (RFC 9110 section 15.5.6) where other methods are served. */
export function handleNotFound(request: FastifyRequest, reply: FastifyReply) {
  const path = request.url.split("?", 1)[0] ?? "";
  const allowed = METHODS.filter((method) => request.server.findRoute({ method, url: path }) !== null);
  const requestId = request.id;
  if (allowed.length > 0) {
    const message = `${request.method} is not served at ${path}, but ${allowed.join(", ")}.`;
    return reply.code(405).header("allow", allowed.join(", ")).send({ code: "BAD_USER_INPUT", message, requestId });
  }
  const message = `There is nothing at ${request.method} ${path}. See /docs and /graphql.`;
  return sendNotFound(request, reply, { code: "NOT_FOUND", message, requestId });
}
