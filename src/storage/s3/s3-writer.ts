import { InsufficientStorageError } from "../../errors.ts";
import { SlowSenderError } from "../blob-errors.ts";
import { ByteCount } from "../byte-count.ts";
import type { BlobEnd, BlobWriter } from "../storage-node.ts";
import { BodyPool } from "./body-pool.ts";
import { LARGEST_RESERVATION, type MemoryBudget, type MemoryHolder } from "./memory-budget.ts";
import type { S3Bucket } from "./s3-bucket.ts";
import { isFull } from "./s3-error.ts";
import { S3Object } from "./s3-object.ts";
import { SignedBody } from "./signed-body.ts";

/** A blob up to this size goes in one request; a larger one in parts. */
const LARGEST_SINGLE = 8 * 1024 * 1024;
/** Parts in memory: one is filled while the other is sent. */
const PARTS_IN_MEMORY = 2;
/** Bytes: the smallest part that S3 takes, so that a large blob needs little memory. */
const PART_SIZE = LARGEST_RESERVATION / PARTS_IN_MEMORY;

/** How long an aborted writer waits for the answer to a request after which the blob may be there. */
const LAST_ANSWER_MS = 5_000;
const CLEANUP_MS = 10_000;

const bodies = new BodyPool();

interface S3Target {
  bucket: S3Bucket;
  id: string;
  /** Bytes announced. */
  size: number;
  budget: MemoryBudget;
  signal?: AbortSignal | undefined;
}

/** Bytes of memory for a blob of this size: itself, or all its parts that are in memory at once. */
export function memoryFor(size: number): number {
  return size <= LARGEST_SINGLE ? size : LARGEST_RESERVATION;
}

/** Gathers a blob's bytes in memory that was reserved for them, and sends them with their SHA-256 signed. */
export class S3Writer implements BlobWriter, MemoryHolder {
  readonly #target: S3Target;
  readonly #object: S3Object;
  /** The first is being filled. */
  #bodies: SignedBody[];
  #sending: Promise<void> = Promise.resolve();
  readonly #count: ByteCount;
  /** Steps under way: the next one is not the sender's. */
  #steps = 0;
  #failure: unknown;
  #committing: Promise<readonly string[]> | undefined;
  #discarding: Promise<void> | undefined;
  #holdsMemory = true;
  /** Ends the requests at once, but for the last. */
  readonly #stop = new AbortController();
  readonly #stopLast = new AbortController();
  readonly #onAbort = () => this.#end(this.#target.signal?.reason);

  private constructor(target: S3Target) {
    const { bucket, id, size, signal } = target;
    this.#target = target;
    this.#object = new S3Object(bucket, id);
    this.#count = new ByteCount(size);
    this.#bodies =
      size <= LARGEST_SINGLE
        ? [new SignedBody(bodies.take(size), { isPart: false })]
        : Array.from({ length: PARTS_IN_MEMORY }, () => new SignedBody(bodies.take(PART_SIZE), { isPart: true }));
    signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Waits until there is memory for the blob. Nothing is sent yet. */
  static async open(target: S3Target): Promise<S3Writer> {
    const { budget, id, size, signal } = target;
    await budget.reserve(id, memoryFor(size), { signal });
    const writer = new S3Writer(target);
    budget.use(id, writer);
    return writer;
  }

  get received(): number {
    return this.#count.received;
  }

  get awaitsSender(): boolean {
    return this.#steps === 0;
  }

  giveWay(): void {
    this.#failure ??= new SlowSenderError();
    void this.#discard();
  }

  async write(buffers: readonly Uint8Array[]): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#steps++;
    try {
      this.#count.add(buffers);
      for (const buffer of buffers) await this.#append(buffer);
    } catch (error) {
      throw await this.#fail(error);
    } finally {
      this.#steps--;
    }
  }

  commit(end: BlobEnd = {}): Promise<readonly string[]> {
    this.#steps++;
    this.#committing ??= this.#commit(end);
    return this.#committing;
  }

  async abort(): Promise<void> {
    this.#end(new Error(`The writing of blob ${this.#target.id} was aborted`));
    await this.#committing?.catch(() => {});
    await this.#discard();
  }

  async #commit({ size: asked, sha256 }: BlobEnd): Promise<readonly string[]> {
    try {
      if (this.#failure !== undefined) throw this.#failure;
      const size = this.#count.end(asked);
      // Also where more was announced, and it ended before the first part was sent.
      if (size <= this.#filling.memory.length) {
        await this.#object.put(this.#filling, sha256, this.#stopLast.signal);
      } else {
        if (this.#filling.bytes.length > 0) await this.#sendPart();
        await this.#sending;
        await this.#object.refuseTaken(this.#stop.signal);
        await this.#object.complete(this.#stopLast.signal);
      }
      // Not after a failure: a request that was given up may be busy with them still.
      for (const { memory } of this.#bodies) bodies.give(memory);
      this.#letGo();
      return [this.#target.bucket.node];
    } catch (error) {
      throw await this.#fail(error);
    }
  }

  get #filling(): SignedBody {
    return this.#bodies[0] as SignedBody;
  }

  async #append(buffer: Uint8Array): Promise<void> {
    for (let offset = 0; offset < buffer.length; ) {
      if (this.#filling.isFull) await this.#sendPart();
      // An abort meanwhile took the memory away.
      if (this.#failure !== undefined) throw this.#failure;
      offset += this.#filling.append(buffer.subarray(offset));
    }
  }

  /** Resolves when the next part can be filled. */
  async #sendPart(): Promise<void> {
    await this.#sending;
    const full = this.#filling;
    this.#bodies = [...this.#bodies.slice(1), full];
    this.#filling.clear();
    this.#sending = this.#object.putPart(full, this.#stop.signal);
    // It is awaited before the next part is sent; until then a rejection must not count as unhandled.
    this.#sending.catch(() => {});
  }

  async #fail(error: unknown): Promise<unknown> {
    this.#failure ??= isFull(error) ? new InsufficientStorageError(error) : error;
    await this.#discard();
    return this.#failure;
  }

  /** Lets nothing new be sent. The request that makes the blob has its time to answer, so that we know of it. */
  #end(reason: unknown): void {
    this.#failure ??= reason;
    this.#stop.abort(reason);
    setTimeout(() => this.#stopLast.abort(reason), LAST_ANSWER_MS).unref();
  }

  /** A blob that can't be taken back for now becomes an orphan, and parts become leftovers. */
  #discard(): Promise<void> {
    this.#discarding ??= (async () => {
      this.#stop.abort(this.#failure);
      await this.#sending.catch(() => {});
      await this.#object.discard(AbortSignal.timeout(CLEANUP_MS)).catch(() => {});
      this.#letGo();
    })();
    return this.#discarding;
  }

  #letGo(): void {
    const { budget, id, signal } = this.#target;
    if (this.#holdsMemory) budget.release(id, this);
    this.#holdsMemory = false;
    this.#bodies = [];
    signal?.removeEventListener("abort", this.#onAbort);
  }
}
