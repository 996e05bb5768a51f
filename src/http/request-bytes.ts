import type { IncomingMessage } from "node:http";
import { SlabPool } from "../storage/slab-pool.ts";
import { RequestBodyError, tooLarge } from "./request-body-error.ts";

const slabs = new SlabPool();

/**
 * A request's bytes, pulled in slabs of SLAB_SIZE; the first and the last may be shorter. A yielded buffer is the
 * reader's until it asks for the next one; meanwhile the one after it fills, and then the connection waits.
 *
 * Node makes a buffer of its own for each 64 KiB that it reads. Their bytes are moved to slabs that are used again, and
 * their memory is freed at once: left to the garbage collector they hold a multiple of what is in flight. It takes over
 * `data` events, as the request's own iterator joins buffered reads by copying and destroys the request when left.
 */
export class RequestBytes implements AsyncIterableIterator<Buffer, undefined> {
  readonly #request: IncomingMessage;
  /** Bytes. */
  #allowance: number;
  /** Fills with what comes in. */
  #slab: Buffer | undefined;
  #filled = 0;
  /** The reader's. */
  #given: Buffer | undefined;
  /** A read that went beyond a full slab, and from where. */
  #rest: { read: Buffer; from: number } | undefined;
  #first = true;
  #waiting: PromiseWithResolvers<IteratorResult<Buffer, undefined>> | undefined;
  #ended = false;
  #failure: Error | undefined;
  /** That the client left, once what it had sent is given out. */
  #departure: Error | undefined;
  readonly #keepsArrived: boolean;
  #dropped: Promise<void> | undefined;

  /**
   * @param allowance how many bytes may be read in all
   * @param keepsArrived whether a client that leaves is told of only after all that it had sent
   */
  constructor(request: IncomingMessage, allowance: number, { keepsArrived = false } = {}) {
    this.#request = request;
    this.#allowance = allowance;
    this.#keepsArrived = keepsArrived;
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
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#given !== undefined) slabs.give([this.#given]);
    this.#given = undefined;
    this.#waiting = Promise.withResolvers();
    const { promise } = this.#waiting;
    this.#hand();
    return promise;
  }

  /** Gives the reader a slab when it waits and one is ready. The first one needn't be full: a head may be all there is. */
  #hand(): void {
    if (this.#waiting === undefined) return;
    const isLast = this.#ended || this.#departure !== undefined;
    const ready = this.#filled === this.#slab?.length || isLast || this.#first;
    if (this.#slab !== undefined && ready) {
      this.#waiting.resolve({ done: false, value: this.#slab.subarray(0, this.#filled) });
      this.#given = this.#slab;
      this.#slab = undefined;
      this.#filled = 0;
      this.#first = false;
    } else if (this.#ended && this.#slab === undefined) {
      this.#waiting.resolve({ done: true, value: undefined });
    } else if (this.#departure !== undefined) {
      this.#fail(this.#departure);
      return;
    } else {
      this.#request.resume();
      return;
    }
    this.#waiting = undefined;
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest !== undefined) this.#store(rest.read, rest.from);
    this.#request.resume();
  }

  readonly #take = (read: Buffer) => {
    this.#allowance -= read.length;
    if (this.#allowance < 0) {
      this.#fail(tooLarge("The request is larger than it may be."));
      return;
    }
    this.#store(read);
    this.#hand();
  };

  #store(read: Buffer, from = 0): void {
    this.#slab ??= slabs.take();
    const copied = read.copy(this.#slab, this.#filled, from);
    this.#filled += copied;
    if (from + copied < read.length) this.#rest = { read, from: from + copied };
    else free(read);
    if (this.#filled === this.#slab.length) this.#request.pause();
  }

  readonly #end = () => {
    this.#ended = true;
    this.#hand();
  };

  readonly #leave = () => {
    if (this.#ended) return;
    const departure = new RequestBodyError(499, "The client left before the whole request had arrived.");
    if (!this.#keepsArrived) return this.#fail(departure);
    this.#departure = departure;
    this.#hand();
  };

  /** The first failure is the one that stays. */
  #fail(error: Error): void {
    this.#failure ??= error;
    this.#request.off("data", this.#take);
    if (this.#slab !== undefined) slabs.give([this.#slab]);
    // Not given back: its reader may be busy with it.
    this.#given = undefined;
    this.#slab = undefined;
    this.#rest = undefined;
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
    const allRead = this.#ended && this.#slab === undefined;
    if (!allRead) this.#fail(new RequestBodyError(400, "The request was answered before its file was read."));
    if (this.#ended || request.destroyed) {
      return Promise.resolve();
    }
    let left = allowance;
    request.on("data", (read: Buffer) => {
      left -= read.length;
      if (left < 0) {
        request.destroy();
      }
      free(read);
    });
    return new Promise((resolve) => {
      request.once("end", resolve).once("close", resolve).resume();
    });
  }
}

/** Frees a read's memory now, where nothing else shares it. The buffer is empty from then on. */
function free({ buffer, length }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === length) buffer.transfer(0);
}
