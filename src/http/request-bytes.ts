import type { IncomingMessage } from "node:http";
import { RequestBodyError, tooLarge } from "./request-body-error.ts";

/**
 * A request's bytes, pulled: it reads ahead a few buffers, then lets the connection wait. It takes over `data` events
 * rather than the request's own iterator, which joins buffered reads by copying and destroys the request when left.
 */
export class RequestBytes implements AsyncIterableIterator<Buffer, undefined> {
  /** Of at most 64 KiB each, as the socket reads. */
  static readonly #READ_AHEAD = 4;
  readonly #request: IncomingMessage;
  readonly #queue: Buffer[] = [];
  /** Bytes. */
  #allowance: number;
  #waiting: PromiseWithResolvers<IteratorResult<Buffer, undefined>> | undefined;
  #ended = false;
  #failure: Error | undefined;
  #dropped: Promise<void> | undefined;

  /** @param allowance how many bytes may be read in all */
  constructor(request: IncomingMessage, allowance: number) {
    this.#request = request;
    this.#allowance = allowance;
    // The `close` that follows an `error` tells the same.
    request.on("error", () => {});
    if (request.destroyed) {
      this.#leave();
      return;
    }
    request.on("data", this.#take).once("end", this.#end).once("close", this.#leave);
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.#failure !== undefined) {
      return Promise.reject(this.#failure);
    }
    const value = this.#queue.shift();
    if (value !== undefined) {
      return this.#give(value);
    }
    if (this.#ended) {
      return Promise.resolve({ done: true, value: undefined });
    }
    this.#waiting = Promise.withResolvers();
    this.#request.resume();
    return this.#waiting.promise;
  }

  #give(value: Buffer): Promise<IteratorResult<Buffer, undefined>> {
    this.#allowance -= value.length;
    if (this.#allowance < 0) {
      this.#fail(tooLarge("The request is larger than it may be."));
      return Promise.reject(this.#failure);
    }
    return Promise.resolve({ done: false, value });
  }

  readonly #take = (chunk: Buffer) => {
    const waiting = this.#waiting;
    if (waiting !== undefined) {
      this.#waiting = undefined;
      waiting.resolve(this.#give(chunk));
      return;
    }
    this.#queue.push(chunk);
    if (this.#queue.length >= RequestBytes.#READ_AHEAD) {
      this.#request.pause();
    }
  };

  readonly #end = () => {
    this.#ended = true;
    this.#waiting?.resolve({ done: true, value: undefined });
    this.#waiting = undefined;
  };

  readonly #leave = () => {
    if (!this.#ended) {
      this.#fail(new RequestBodyError(499, "The client left before the whole request had arrived."));
    }
  };

  /** The first failure is the one that stays. */
  #fail(error: Error): void {
    this.#failure ??= error;
    this.#queue.length = 0;
    this.#waiting?.reject(this.#failure);
    this.#waiting = undefined;
  }

  /** Ends all reading and drops what still comes; past that many bytes, it cuts the connection. */
  drop(allowance: number): Promise<void> {
    this.#dropped ??= this.#drop(allowance);
    return this.#dropped;
  }

  #drop(allowance: number): Promise<void> {
    const request = this.#request;
    this.#fail(new RequestBodyError(400, "The request was answered before its file was read."));
    request.off("data", this.#take);
    if (this.#ended || request.destroyed) {
      return Promise.resolve();
    }
    let left = allowance;
    request.on("data", (chunk: Buffer) => {
      left -= chunk.length;
      if (left < 0) {
        request.destroy();
      }
    });
    return new Promise((resolve) => {
      request.once("end", resolve).once("close", resolve).resume();
    });
  }
}
