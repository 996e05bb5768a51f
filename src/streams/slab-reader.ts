import type { Readable } from "node:stream";
import { SlabPool } from "./slab-pool.ts";

const slabs = new SlabPool();

interface SlabReaderOptions {
  /** How many bytes may be read in all. */
  allowance: number;
  /** Gives the first bytes as soon as they come, in a slab that isn't full. */
  early: boolean;
  /** Gives what had come of a stream that closes before its end, and then fails. */
  keepsArrived: boolean;
  /** Called whenever bytes are asked for, before they are waited for. */
  onAsked?(): void;
  /** The error where more comes. */
  tooMuch(): Error;
  /** The error where the stream closes before its end. @param cause what the stream said of it */
  cutOff(cause: Error | undefined): Error;
}

/**
 * A network stream's bytes, pulled in slabs of SLAB_SIZE; only the last may be shorter, and the first if it is wanted
 * early. A yielded buffer is the reader's until it asks for the next one; meanwhile the one after it fills, and then the
 * connection waits.
 *
 * Node makes a buffer of its own for each 64 KiB that it reads. Their bytes are moved to slabs that are used again, and
 * their memory is freed at once: left to the garbage collector they hold a multiple of what is in flight. It takes over
 * `data` events, as a stream's own iterator joins buffered reads by copying and destroys the stream when left.
 */
export class SlabReader implements AsyncIterableIterator<Buffer, undefined> {
  readonly #stream: Readable;
  readonly #options: SlabReaderOptions;
  #allowance: number;
  /** Fills with what comes in. */
  #slab: Buffer | undefined;
  #filled = 0;
  /** The reader's. */
  #given: Buffer | undefined;
  /** A read that went beyond a full slab, and from where. */
  #rest: { read: Buffer; from: number } | undefined;
  #early: boolean;
  #waiting: PromiseWithResolvers<IteratorResult<Buffer, undefined>> | undefined;
  #ended = false;
  #failure: Error | undefined;
  /** Error of a stream that closed too early, kept until what had come is given out. */
  #cutOff: Error | undefined;

  constructor(stream: Readable, options: SlabReaderOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#allowance = options.allowance;
    this.#early = options.early;
    let cause: Error | undefined;
    const onClose = () => {
      if (this.#ended) return;
      if (!options.keepsArrived) return this.fail(options.cutOff(cause));
      this.#cutOff = options.cutOff(cause);
      this.#hand();
    };
    // A `close` follows it.
    stream.on("error", (error) => {
      cause ??= error;
    });
    if (stream.destroyed) onClose();
    else stream.on("data", this.#take).once("end", this.#end).once("close", onClose);
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Whether the stream has ended, though its last bytes may still be here. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether all bytes have been given to the reader. */
  get isAllRead(): boolean {
    return this.#ended && this.#slab === undefined;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Buffer, undefined>> {
    this.#options.onAsked?.();
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#given !== undefined) slabs.give([this.#given]);
    this.#given = undefined;
    this.#waiting = Promise.withResolvers();
    const { promise } = this.#waiting;
    this.#hand();
    return promise;
  }

  /** Ends all reading; the stream itself is the caller's to end. The first failure is the one that stays. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#stream.off("data", this.#take);
    if (this.#slab !== undefined) slabs.give([this.#slab]);
    // Not given back: its reader may be busy with it.
    this.#given = undefined;
    this.#slab = undefined;
    this.#rest = undefined;
    this.#waiting?.reject(this.#failure);
    this.#waiting = undefined;
  }

  /** Gives the reader a slab when it waits and one is ready. */
  #hand(): void {
    if (this.#waiting === undefined) return;
    const isLast = this.#ended || this.#cutOff !== undefined;
    const ready = this.#filled === this.#slab?.length || isLast || this.#early;
    if (this.#slab !== undefined && ready) {
      this.#waiting.resolve({ done: false, value: this.#slab.subarray(0, this.#filled) });
      this.#given = this.#slab;
      this.#slab = undefined;
      this.#filled = 0;
      this.#early = false;
    } else if (this.isAllRead) {
      this.#waiting.resolve({ done: true, value: undefined });
    } else if (this.#cutOff !== undefined) {
      this.fail(this.#cutOff);
      return;
    } else {
      this.#stream.resume();
      return;
    }
    this.#waiting = undefined;
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest !== undefined) this.#store(rest.read, rest.from);
    this.#stream.resume();
  }

  readonly #take = (read: Buffer) => {
    this.#allowance -= read.length;
    if (this.#allowance < 0) {
      this.fail(this.#options.tooMuch());
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
    else freeRead(read);
    if (this.#filled === this.#slab.length) this.#stream.pause();
  }

  readonly #end = () => {
    this.#ended = true;
    this.#hand();
  };
}

/** Frees the memory of what a socket read, now, where nothing else shares it. The buffer is empty from then on. */
export function freeRead({ buffer, length }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === length) buffer.transfer(0);
}
