/** Bytes: large enough for few writes, small enough to stay in the processor's cache on the way to them. */
export const SLAB_SIZE = 256 * 1024;

/** At most 8 MiB kept for the requests to come. */
const MOST_FREE = 32;

/** Keeps the memory of bodies between requests: fresh memory costs a page fault for every 4 KiB. */
export class SlabPool {
  readonly #free: Buffer[] = [];

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(SLAB_SIZE);
  }

  /** Only what nobody reads or writes any more. */
  give(slab: Buffer): void {
    if (this.#free.length < MOST_FREE) this.#free.push(slab);
  }
}
