/** The most memory that one blob may ask for. */
export const LARGEST_RESERVATION = 10 * 1024 * 1024;

/** A blob's share of the budget. */
interface Share {
  bytes: number;
  /** Writers of the blob that use it, or wait for it. */
  holders: number;
  granted: Promise<void>;
  /** Undefined once it is granted. */
  grant: (() => void) | undefined;
}

/**
 * Bounds the memory of the blobs that are on their way. Whoever finds too little of it waits, first come, first served.
 * A blob asks once for all that it will need, and its copies on several nodes share what was granted: so nobody waits
 * while holding some, and there is no deadlock.
 */
export class MemoryBudget {
  readonly #bytes: number;
  readonly #shares = new Map<string, Share>();
  /** Shares that wait for their grant, in order. */
  readonly #queue = new Set<Share>();
  #granted = 0;

  /**
   * @param bytes in all
   * @param copies of one blob that may be on their way at once: each has as much memory as the blob asked for
   */
  constructor(bytes: number, copies = 1) {
    this.#bytes = Math.floor(bytes / copies);
  }

  /** Bytes that are in use: those of each blob times its copies. */
  get held(): number {
    return Array.from(this.#shares.values(), ({ bytes, holders, grant }) => (grant ? 0 : bytes * holders)).reduce(
      (sum, bytes) => sum + bytes,
      0,
    );
  }

  /** Blobs that wait. */
  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * Resolves when the blob has its memory; `release` gives it back, called once for each call of this that resolved.
   * More than the whole budget is granted when nobody else holds any.
   */
  async reserve(blobId: string, bytes: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const share = this.#shares.get(blobId) ?? this.#enqueue(blobId, bytes);
    share.holders++;
    this.#grantNext();
    const leave = () => this.#leave(blobId, share);
    try {
      await (signal === undefined
        ? share.granted
        : Promise.race([share.granted, rejectOnAbort(signal, share.granted)]));
    } catch (error) {
      leave();
      throw error;
    }
  }

  release(blobId: string): void {
    const share = this.#shares.get(blobId);
    if (share !== undefined) this.#leave(blobId, share);
  }

  #enqueue(blobId: string, bytes: number): Share {
    const { promise, resolve } = Promise.withResolvers<void>();
    const share = { bytes, holders: 0, granted: promise, grant: resolve };
    this.#shares.set(blobId, share);
    this.#queue.add(share);
    return share;
  }

  #leave(blobId: string, share: Share): void {
    share.holders--;
    if (share.holders > 0) return;
    this.#shares.delete(blobId);
    if (!this.#queue.delete(share)) this.#granted -= share.bytes;
    this.#grantNext();
  }

  #grantNext(): void {
    for (const share of this.#queue) {
      if (this.#granted > 0 && this.#granted + share.bytes > this.#bytes) return;
      this.#queue.delete(share);
      this.#granted += share.bytes;
      share.grant?.();
      share.grant = undefined;
    }
  }
}

function rejectOnAbort(signal: AbortSignal, unless: Promise<void>): Promise<never> {
  return new Promise((_, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    void unless.then(() => signal.removeEventListener("abort", onAbort));
  });
}
