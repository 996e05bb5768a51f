import type { FastifyRequest } from "fastify";
import { MAX_CHUNK_SIZE } from "../../uploads/chunk-plan.ts";
import { RequestBytes } from "../request-bytes.ts";
import { StatusError } from "../status-error.ts";
import { header, OFFSET_OCTET_STREAM } from "./tus-headers.ts";

/** What is still taken of a refused request, so that its client reads the answer. */
const DROPPED = MAX_CHUNK_SIZE;

export interface UploadBody {
  bytes: AsyncIterable<Uint8Array>;
  /** Bytes, when they are told before. */
  length: number | undefined;
}

export function hasBody(request: FastifyRequest): boolean {
  const { "content-length": length, "transfer-encoding": encoding } = request.headers;
  return encoding !== undefined || Number(length ?? 0) > 0;
}

/**
 * Hands over a request's bytes; of a client that leaves, those that had come first.
 * @throws StatusError 415 for another media type than tus's
 */
export async function withBody<T>(request: FastifyRequest, work: (body: UploadBody) => Promise<T>): Promise<T> {
  const bytes = new RequestBytes(request.raw, Number.POSITIVE_INFINITY, { keepsArrived: true });
  const { "content-length": contentLength, "transfer-encoding": encoding } = request.headers;
  const length = encoding === undefined ? Number(contentLength ?? 0) : undefined;
  try {
    if (header(request, "content-type") !== OFFSET_OCTET_STREAM) {
      throw new StatusError(415, "BAD_USER_INPUT", `Send the bytes as ${OFFSET_OCTET_STREAM}.`);
    }
    return await work({ bytes, length });
  } finally {
    const dropped = bytes.drop(DROPPED);
    // Many clients read no answer before they have sent all. Those who send more have to.
    if (length !== undefined && length <= DROPPED) await dropped;
  }
}
