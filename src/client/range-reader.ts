import { StowageError } from "./errors.ts";
import type { FileFieldsFragment } from "./operations.ts";
import { networkError, type Transport } from "./transport.ts";

/** A connection on which nothing comes for so long is given up. */
const SILENCE_MS = 60_000;
const PARTIAL_CONTENT = 206;

/** Reads a file's bytes front to back over one request, and over a further one wherever it is asked to begin anew. */
export class RangeReader {
  readonly #transport: Transport;
  readonly #file: FileFieldsFragment;
  readonly #signal: AbortSignal | undefined;
  readonly #end: number;
  #stream: ReadableStreamDefaultReader<Uint8Array> | undefined;
  /** What was received and not read yet. */
  #rest: Uint8Array = new Uint8Array(0);
  /** Byte of the file at which `#rest` begins. */
  #position = 0;

  /** @param end of the bytes to ask for, exclusive */
  constructor(transport: Transport, file: FileFieldsFragment, signal: AbortSignal | undefined, end = file.size) {
    this.#transport = transport;
    this.#file = file;
    this.#signal = signal;
    this.#end = end;
  }

  /**
   * Reads some bytes, at least one, into `target`. @returns how many
   * @throws StowageError when the connection breaks, is silent, or ends too early; `close` it then
   */
  async read(position: number, target: Uint8Array): Promise<number> {
    if (this.#stream === undefined || position !== this.#position) await this.#open(position);
    while (this.#rest.length === 0) this.#rest = await this.#receive();
    const taken = this.#rest.subarray(0, target.length);
    target.set(taken);
    this.#rest = this.#rest.subarray(taken.length);
    this.#position += taken.length;
    return taken.length;
  }

  /** Ends the request. The next `read` makes another. */
  async close(): Promise<void> {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#rest = new Uint8Array(0);
    // A stream that failed rejects with why it did, which is known.
    await stream?.cancel().catch(() => {});
  }

  async #open(position: number): Promise<void> {
    await this.close();
    const response = await this.#transport.send(`/files/download/${this.#file.id}`, {
      headers: { range: `bytes=${position}-${this.#end - 1}`, "if-match": `"${this.#file.digest}"` },
      signal: this.#signal,
      timeoutMs: SILENCE_MS,
    });
    const begins = new RegExp(`^bytes ${position}-`).test(response.headers.get("content-range") ?? "");
    if (response.status !== PARTIAL_CONTENT || !begins || response.body === null) {
      await response.body?.cancel();
      throw new StowageError(
        "UNEXPECTED_ANSWER",
        "The server did not send the part of the file that it was asked for.",
      );
    }
    this.#position = position;
    this.#stream = response.body.getReader();
  }

  async #receive(): Promise<Uint8Array> {
    const stream = this.#stream as ReadableStreamDefaultReader<Uint8Array>;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const silence = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new StowageError("TIMEOUT", "The download stood still.")), SILENCE_MS);
    });
    try {
      const { done, value } = await Promise.race([stream.read(), silence]);
      if (!done) return value;
    } catch (cause) {
      this.#signal?.throwIfAborted();
      throw cause instanceof StowageError ? cause : networkError(cause);
    } finally {
      clearTimeout(timer);
    }
    throw networkError(new Error("it ended too early"));
  }
}
