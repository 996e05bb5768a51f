/** Bytes: large enough for a block of a blob and for few system calls, small enough to stay in the processor's cache on the way. */
export const SLAB_SIZE = 256 * 1024;

/** Free slabs that are kept: 8 MiB of them. */
const MOST_FREE = 32;

/** Keeps the memory that bytes pass through, to use it again: fresh memory costs a page fault for every 4 KiB. */
export class SlabPool {
  readonly #free: Buffer[] = [];

  /** Slabs that nobody uses at the moment. */
  get size(): number {
    return this.#free.length;
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(SLAB_SIZE);
  }

  /** Takes back slabs that nobody reads or writes any more. */
  give(slabs: readonly Buffer[]): void {
    for (const slab of slabs) if (this.#free.length < MOST_FREE) this.#free.push(slab);
  }
}
