import { ServiceUnavailableError } from "../../errors.ts";

/** The most memory that one blob may ask for. */
export const LARGEST_RESERVATION = 10 * 1024 * 1024;

/** Time that a blob waits for its memory before its sender is asked to come again. */
const PATIENCE_MS = 30_000;
/** Time between two looks for a sender who could give way, while somebody waits. */
const REVIEW_MS = 1_000;
/** A sender has this long to show how fast it is. */
const GRACE_MS = 5_000;
/** Bytes a second: whoever is slower gives way to those who wait. */
const SLOWEST = 64 * 1024;

/** Whoever uses a blob's memory. */
export interface MemoryHolder {
  /** Bytes that have come. */
  readonly received: number;
  /** Whether the next step is the sender's. */
  readonly awaitsSender: boolean;
  /** Ends the writing and gives the memory back. */
  giveWay(): void;
}

interface ReservationOptions {
  /** Id of the user who sends the blob: users share the budget. Where left out, the blob is alone. */
  owner?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** A blob's share of the budget. */
interface Share {
  owner: string;
  bytes: number;
  /** Writers of the blob that use it, or wait for it. */
  holders: number;
  writers: Set<MemoryHolder>;
  grantedAt: number;
  granted: Promise<void>;
  /** Undefined once it is granted. */
  grant: (() => void) | undefined;
}

/**
 * Bounds the memory of the blobs that are on their way. Whoever finds too little of it waits: next is the blob whose owner
 * holds least, and no owner who holds some is granted more than half. While somebody waits, the slowest sender gives way if it is slow.
 * A blob asks once for all that it will need, and its copies on several nodes share what was granted: so nobody waits
 * while holding some, and there is no deadlock.
 */
export class MemoryBudget {
  readonly #bytes: number;
  readonly #patienceMs: number;
  readonly #shares = new Map<string, Share>();
  /** Shares that wait for their grant, in the order of their coming. */
  readonly #queue = new Set<Share>();
  /** Bytes that were granted to each owner. */
  readonly #owners = new Map<string, number>();
  #granted = 0;
  #reviewing: NodeJS.Timeout | undefined;

  /**
   * @param bytes in all
   * @param copies of one blob that may be on their way at once: each has as much memory as the blob asked for
   */
  constructor(bytes: number, copies = 1, patienceMs = PATIENCE_MS) {
    this.#bytes = Math.floor(bytes / copies);
    this.#patienceMs = patienceMs;
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
   * @throws ServiceUnavailableError when that takes too long; the signal's reason
   */
  async reserve(blobId: string, bytes: number, { owner = blobId, signal }: ReservationOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    const share = this.#shares.get(blobId) ?? this.#enqueue(blobId, owner, bytes);
    share.holders++;
    this.#grantNext();
    if (share.grant === undefined) return;
    try {
      await this.#untilGranted(share, signal);
    } catch (error) {
      this.#leave(blobId, share);
      throw error;
    }
  }

  /** Says who uses the blob's memory, and may have to give way, until `release`. */
  use(blobId: string, writer: MemoryHolder): void {
    this.#shares.get(blobId)?.writers.add(writer);
  }

  release(blobId: string, writer?: MemoryHolder): void {
    const share = this.#shares.get(blobId);
    if (share === undefined) return;
    if (writer !== undefined) share.writers.delete(writer);
    this.#leave(blobId, share);
  }

  #enqueue(blobId: string, owner: string, bytes: number): Share {
    const { promise, resolve } = Promise.withResolvers<void>();
    const writers = new Set<MemoryHolder>();
    const share = { owner, bytes, holders: 0, writers, grantedAt: 0, granted: promise, grant: resolve };
    this.#shares.set(blobId, share);
    this.#queue.add(share);
    return share;
  }

  async #untilGranted(share: Share, signal: AbortSignal | undefined): Promise<void> {
    this.#reviewing ??= setInterval(() => this.#review(), REVIEW_MS).unref();
    const { promise: refused, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new ServiceUnavailableError()), this.#patienceMs);
    const onAbort = () => reject(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await Promise.race([share.granted, refused]);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  #leave(blobId: string, share: Share): void {
    share.holders--;
    if (share.holders > 0) return;
    this.#shares.delete(blobId);
    if (!this.#queue.delete(share)) this.#count(share, -share.bytes);
    this.#grantNext();
  }

  #count({ owner }: Share, bytes: number): void {
    this.#granted += bytes;
    const held = (this.#owners.get(owner) ?? 0) + bytes;
    if (held === 0) this.#owners.delete(owner);
    else this.#owners.set(owner, held);
  }

  #grantNext(): void {
    for (let share = this.#next(); share !== undefined; share = this.#next()) {
      if (this.#granted > 0 && this.#granted + share.bytes > this.#bytes) break;
      this.#queue.delete(share);
      this.#count(share, share.bytes);
      share.grantedAt = performance.now();
      share.grant?.();
      share.grant = undefined;
    }
    if (this.#queue.size > 0) return;
    clearInterval(this.#reviewing);
    this.#reviewing = undefined;
  }

  /** The first of those whose owner holds least, but for owners that hold their part already. */
  #next(): Share | undefined {
    let next: { share: Share; held: number } | undefined;
    for (const share of this.#queue) {
      const held = this.#owners.get(share.owner) ?? 0;
      if (held > 0 && held + share.bytes > this.#bytes / 2) continue;
      if (next === undefined || held < next.held) next = { share, held };
      if (held === 0) break;
    }
    return next?.share;
  }

  /** Lets the slowest sender go, if it is slow, where that would help somebody who waits. */
  #review(): void {
    const needy = this.#next();
    if (needy === undefined || this.#granted + needy.bytes <= this.#bytes) return;
    const now = performance.now();
    let slowest: { share: Share; rate: number } | undefined;
    for (const share of this.#shares.values()) {
      const ms = now - share.grantedAt;
      if (share.grant !== undefined || share.writers.size === 0 || ms < GRACE_MS) continue;
      if (![...share.writers].every(({ awaitsSender }) => awaitsSender)) continue;
      const rate = Math.max(...Array.from(share.writers, ({ received }) => received)) / (ms / 1000);
      if (rate < (slowest?.rate ?? SLOWEST)) slowest = { share, rate };
    }
    for (const writer of [...(slowest?.share.writers ?? [])]) writer.giveWay();
  }
}
