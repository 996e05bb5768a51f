import { WrongByteCountError } from "./blob-errors.ts";

/** Holds a blob's writer to the size that was announced. */
export class ByteCount {
  readonly #announced: number;
  #received = 0;

  /** @param announced bytes that may come at most */
  constructor(announced: number) {
    this.#announced = announced;
  }

  get received(): number {
    return this.#received;
  }

  /** @throws WrongByteCountError when more came than was announced */
  add(buffers: readonly Uint8Array[]): void {
    for (const buffer of buffers) this.#received += buffer.length;
    if (this.#received > this.#announced) throw new WrongByteCountError(this.#announced, this.#received);
  }

  /** @param size what the blob is to have; @returns it @throws WrongByteCountError when it has another size */
  end(size = this.#announced): number {
    if (this.#received !== size) throw new WrongByteCountError(size, this.#received);
    return size;
  }
}
