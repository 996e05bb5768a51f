import type { IncomingMessage } from "node:http";
import { RequestBodyError, tooLarge } from "./request-body-error.ts";

/** Bytes that are read ahead; then the connection waits. */
const READ_AHEAD = 512 * 1024;

/**
 * A request's bytes, pulled in batches: each has what came in since the last, so that the work of a wake-up is shared
 * by many of the socket's small reads. It takes over `data` events rather than the request's own iterator, which joins
 * buffered reads by copying and destroys the request when left.
 */
export class RequestBytes implements AsyncIterableIterator<Buffer[], undefined> {
  readonly #request: IncomingMessage;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  /** Bytes. */
  #allowance: number;
  #waiting: PromiseWithResolvers<IteratorResult<Buffer[], undefined>> | undefined;
  #wakes = false;
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

  next(): Promise<IteratorResult<Buffer[], undefined>> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#queue.length > 0) return this.#give();
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    this.#waiting = Promise.withResolvers();
    this.#request.resume();
    return this.#waiting.promise;
  }

  #give(): Promise<IteratorResult<Buffer[], undefined>> {
    const value = this.#queue;
    this.#allowance -= this.#queuedBytes;
    this.#queue = [];
    this.#queuedBytes = 0;
    if (this.#allowance < 0) {
      this.#fail(tooLarge("The request is larger than it may be."));
      return Promise.reject(this.#failure);
    }
    return Promise.resolve({ done: false, value });
  }

  readonly #take = (chunk: Buffer) => {
    this.#queue.push(chunk);
    this.#queuedBytes += chunk.length;
    if (this.#queuedBytes >= READ_AHEAD) this.#request.pause();
    if (this.#waiting === undefined || this.#wakes) return;
    // The socket may have more to give at this turn of the event loop.
    this.#wakes = true;
    setImmediate(this.#wake);
  };

  readonly #wake = () => {
    this.#wakes = false;
    const waiting = this.#waiting;
    if (waiting === undefined || this.#queue.length === 0) return;
    this.#waiting = undefined;
    waiting.resolve(this.#give());
  };

  readonly #end = () => {
    this.#ended = true;
    this.#wake();
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
    this.#queue = [];
    this.#queuedBytes = 0;
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
