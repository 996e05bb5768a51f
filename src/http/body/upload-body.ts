import type { FastifyRequest } from "fastify";
import { MAX_CHUNK_SIZE } from "../../uploads/chunk-plan.ts";
import { header } from "../request-header.ts";
import { StatusError } from "../status-error.ts";
import { RequestBytes } from "./request-bytes.ts";

/** What is still taken of a refused request, so that its client reads the answer. */
const DROPPED = MAX_CHUNK_SIZE;

/** A request's bytes; of a client that leaves, those that had come are given out first. */
export class UploadBody {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Bytes, when they are told before. */
  readonly length: number | undefined;
  readonly #request: FastifyRequest;
  readonly #bytes: RequestBytes;

  /** Call it before anything is waited for: what had come of a client that left meanwhile would be lost. */
  constructor(request: FastifyRequest) {
    const { "content-length": length, "transfer-encoding": encoding } = request.headers;
    this.#request = request;
    this.#bytes = new RequestBytes(request.raw, Number.POSITIVE_INFINITY, { keepsArrived: true });
    this.bytes = this.#bytes;
    this.length = encoding === undefined ? Number(length ?? 0) : undefined;
  }

  get isEmpty(): boolean {
    return this.length === 0;
  }

  /** @throws StatusError 415 for another media type than this */
  checkType(mediaType: string): void {
    if (header(this.#request, "content-type") === mediaType) return;
    throw new StatusError(415, "BAD_USER_INPUT", `Send the bytes as ${mediaType}.`);
  }

  /** Drops what wasn't read. */
  async close(): Promise<void> {
    const dropped = this.#bytes.drop(DROPPED);
    // Many clients read no answer before they have sent all. Those who send more have to.
    if (this.length !== undefined && this.length <= DROPPED) await dropped;
  }
}
