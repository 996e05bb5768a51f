import type { IncomingMessage } from "node:http";
import { freeRead, SlabReader } from "../../streams/slab-reader.ts";
import { awaitsContinue, continueBody } from "../connections/expectation.ts";
import { RequestBodyError, tooLarge } from "./request-body-error.ts";

/** A request's bytes in slabs; the first may be short, as a head may be all there is of it for a while. */
export class RequestBytes extends SlabReader {
  readonly #request: IncomingMessage;
  #dropped: Promise<void> | undefined;

  /**
   * @param allowance how many bytes may be read in all
   * @param keepsArrived whether a client that leaves is told of only after all that it had sent
   */
  constructor(request: IncomingMessage, allowance: number, { keepsArrived = false } = {}) {
    super(request, {
      allowance,
      early: true,
      keepsArrived,
      onAsked: () => continueBody(request),
      tooMuch: () => tooLarge("The request is larger than it may be."),
      cutOff: () => new RequestBodyError(499, "The client left before the whole request had arrived."),
    });
    this.#request = request;
  }

  /** Ends all reading and drops what still comes; past that many bytes, it cuts the connection. */
  drop(allowance: number): Promise<void> {
    this.#dropped ??= this.#drop(allowance);
    return this.#dropped;
  }

  #drop(allowance: number): Promise<void> {
    const request = this.#request;
    if (!this.isAllRead) this.fail(new RequestBodyError(400, "The request was answered before its file was read."));
    if (this.ended || request.destroyed || awaitsContinue(request)) return Promise.resolve();
    let left = allowance;
    request.on("data", (read: Buffer) => {
      left -= read.length;
      if (left < 0) request.destroy();
      freeRead(read);
    });
    return new Promise((resolve) => {
      request.once("end", resolve).once("close", resolve).resume();
    });
  }
}
