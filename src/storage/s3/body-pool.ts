/** Bytes that are kept at most for the bodies to come. */
const MOST_FREE = 32 * 1024 * 1024;

/**
 * Keeps the memory of sent bodies, to use it again: fresh memory costs a page fault for every 4 KiB, and megabytes that
 * come and go make the garbage collector look through the whole heap.
 */
export class BodyPool {
  /** Free bodies; the one given back last is taken first. */
  #free: Buffer[] = [];
  #bytes = 0;

  take(bytes: number): Buffer {
    const index = this.#free.findLastIndex((buffer) => buffer.length === bytes);
    const [found] = index === -1 ? [] : this.#free.splice(index, 1);
    this.#bytes -= found?.length ?? 0;
    return found ?? Buffer.allocUnsafeSlow(bytes);
  }

  /** Takes back a body that nobody reads or writes any more. */
  give(buffer: Buffer): void {
    this.#free.push(buffer);
    this.#bytes += buffer.length;
    while (this.#bytes > MOST_FREE) this.#bytes -= this.#free.shift()?.length ?? 0;
  }
}
