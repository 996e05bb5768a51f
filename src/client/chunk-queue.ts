/** Zero-based chunk indexes, both ends inclusive. */
export interface ChunkRange {
  first: number;
  last: number;
}

/** What is still to be sent, in order. */
export class ChunkQueue {
  readonly #size: number;
  readonly #chunkSize: number;
  #ranges: ChunkRange[] = [];

  constructor({ size, chunkSize }: { size: number; chunkSize: number }) {
    this.#size = size;
    this.#chunkSize = chunkSize;
  }

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  get bytes(): number {
    return this.#ranges.reduce((sum, { first, last }) => sum + this.bytesOf(last).end - this.bytesOf(first).start, 0);
  }

  /** Range of a chunk's bytes, end exclusive. */
  bytesOf(index: number): { start: number; end: number } {
    const start = index * this.#chunkSize;
    return { start, end: Math.min(start + this.#chunkSize, this.#size) };
  }

  /** @param except indexes of these ranges that are not to be sent all the same */
  replace(ranges: readonly ChunkRange[], except: (index: number) => boolean = () => false): void {
    this.#ranges = [];
    for (const { first, last } of ranges) {
      for (let index = first; index <= last; index++) if (!except(index)) this.#add(index);
    }
  }

  #add(index: number): void {
    const last = this.#ranges.at(-1);
    if (last?.last === index - 1) last.last = index;
    else this.#ranges.push({ first: index, last: index });
  }

  take(): number | undefined {
    const [range] = this.#ranges;
    if (range === undefined) return undefined;
    const index = range.first++;
    if (range.first > range.last) this.#ranges.shift();
    return index;
  }

  /** Gives back a chunk that was taken, to be the next. */
  putBack(index: number): void {
    this.#ranges.unshift({ first: index, last: index });
  }
}
