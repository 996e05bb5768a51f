import type { FastifyInstance, FastifyRequest } from "fastify";
import { isMediaType, OCTET_STREAM } from "../../uploads/media-type.ts";
import { header } from "../request-header.ts";
import { StatusError } from "../status-error.ts";

/**
 * @throws StatusError 415 for a body with a content coding (RFC 9110 section 8.4), 501 for one with a transfer coding other than
 *   chunked (RFC 9112 section 6.1): it would be kept as it comes
 */
export function refuseCodings(request: FastifyRequest): void {
  const transfer = header(request, "transfer-encoding")?.trim().toLowerCase() ?? "chunked";
  if (transfer !== "chunked") {
    throw new StatusError(501, "BAD_USER_INPUT", "Send the body plain, or with Transfer-Encoding: chunked alone.");
  }
  const codings = header(request, "content-encoding")?.trim().toLowerCase() ?? "";
  if (codings === "" || codings === "identity") return;
  const message = "Bytes are kept as they come: send them without Content-Encoding.";
  throw new StatusError(415, "BAD_USER_INPUT", message);
}

/** Lets bodies of bytes through as they are: they come as a stream, whatever their type is said to be. */
export function keepBodyAsStream(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addHook("onRequest", mendContentType);
  scope.addContentTypeParser("*", (_request, _payload, done) => done(null));
}

/** A label that is no media type is no reason to refuse bytes. */
async function mendContentType({ raw }: FastifyRequest): Promise<void> {
  const type = raw.headers["content-type"];
  if (type !== undefined && !isMediaType(type)) raw.headers["content-type"] = OCTET_STREAM;
}
