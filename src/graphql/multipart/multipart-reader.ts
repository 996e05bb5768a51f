import { describePart, MultipartError, type PartDescription } from "./part-header.ts";

export interface MultipartPart extends PartDescription {
  /**
   * The part's bytes in order. A buffer is the reader's until it asks for the next one: it shares memory with the read
   * that it came from. May be iterated once; what is left unread, `nextPart` skips. Throws where the body is truncated
   * or the source fails.
   */
  readonly bytes: AsyncIterable<Buffer>;
  /** Reads the whole body as UTF-8. Null, and the rest unread, when it is longer than `maxBytes`. */
  text(maxBytes: number): Promise<string | null>;
}

/** Each in bytes. */
const MAX_HEADER_BLOCK = 16 * 1024;
const MAX_PREAMBLE = 16 * 1024;

const CR = 0x0d;
const DASH = 0x2d;
const NOTHING = Buffer.alloc(0);
const TRUNCATED = "The multipart body ends before its closing delimiter.";

/**
 * Reads multipart/form-data (RFC 7578, RFC 2046 section 5.1.1) as it arrives, part by part, pulling from the source
 * only when asked. It never ends the source: whoever made that releases it. After an error, each call throws it again.
 */
export class MultipartReader {
  readonly #source: AsyncIterator<Buffer>;
  /** CRLF, two dashes, the boundary. Its only CR is the first byte, on which the search in `#scan` relies. */
  readonly #delimiter: Buffer;
  #buffer: Buffer = NOTHING;
  #position = 0;
  /** How much of a delimiter the reads so far end with. The first one needs no CRLF, so that counts as seen. */
  #matched = 2;
  #state: "preamble" | "body" | "delimiter" | "end" = "preamble";
  #part: object | undefined;
  #busy = false;
  #failure: unknown;

  /**
   * @param source its buffers need to last only until the next one is asked for
   * @param boundary as `boundaryOf` gives it
   */
  constructor(source: AsyncIterable<Buffer>, boundary: string) {
    this.#source = source[Symbol.asyncIterator]();
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, "latin1");
  }

  /** The next part, once its header has arrived; null after the last. */
  async nextPart(): Promise<MultipartPart | null> {
    if (this.#state === "end") return null;
    return this.#exclusively(async () => {
      this.#part = undefined;
      await this.#skip();
      const header = await this.#readHeader();
      if (header === null) {
        this.#state = "end";
        return null;
      }
      this.#state = "body";
      return this.#openPart(header);
    });
  }

  #openPart(header: string): MultipartPart {
    const description = describePart(header);
    this.#part = description;
    let opened = false;
    const bytes = {
      [Symbol.asyncIterator]: () => {
        if (opened) throw new Error("The part's body can be read only once.");
        opened = true;
        return this.#readBody(description);
      },
    };
    return { ...description, bytes, text: (maxBytes) => readText(bytes, maxBytes) };
  }

  async *#readBody(part: object): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      if (this.#part !== part) throw new Error("The part's body was skipped: the next part was asked for.");
      const piece = await this.#exclusively(() => this.#nextPiece());
      if (piece === null) return;
      yield piece;
    }
  }

  async #exclusively<T>(read: () => Promise<T>): Promise<T> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#busy) throw new Error("The multipart body is being read already.");
    this.#busy = true;
    try {
      return await read();
    } catch (error) {
      this.#failure = error;
      throw error;
    } finally {
      this.#busy = false;
    }
  }

  /** Skips up to the end of the next delimiter. */
  async #skip(): Promise<void> {
    let preamble = 0;
    while (this.#state !== "delimiter") {
      const inPreamble = this.#state === "preamble";
      const piece = await this.#nextPiece();
      if (inPreamble && piece !== null) {
        preamble += piece.length;
        if (preamble > MAX_PREAMBLE) {
          throw new MultipartError(`The multipart body has no delimiter in its first ${MAX_PREAMBLE} bytes.`);
        }
      }
    }
  }

  /** The next bytes before a delimiter; null once the delimiter is reached, and passed. */
  async #nextPiece(): Promise<Buffer | null> {
    while (this.#state !== "delimiter") {
      if (this.#position === this.#buffer.length) {
        this.#buffer = await this.#read();
        this.#position = 0;
      }
      const piece = this.#scan();
      if (piece === null) {
        this.#state = "delimiter";
      } else if (piece !== undefined) {
        return piece;
      }
    }
    return null;
  }

  /** The next bytes before a delimiter, null at a delimiter, or undefined if telling takes another read. */
  #scan(): Buffer | null | undefined {
    if (this.#matched > 0) return this.#scanStraddling();
    const buffer = this.#buffer;
    const start = this.#position;
    const found = buffer.indexOf(this.#delimiter, start);
    if (found === start) {
      this.#position = start + this.#delimiter.length;
      return null;
    }
    const end = found === -1 ? this.#startOfPartialDelimiter() : found;
    if (found === -1) {
      this.#matched = buffer.length - end;
      this.#position = buffer.length;
    } else {
      this.#position = found;
    }
    return end > start ? buffer.subarray(start, end) : undefined;
  }

  /** Goes on where the last read ended within what may be a delimiter. */
  #scanStraddling(): Buffer | null | undefined {
    const delimiter = this.#delimiter;
    const matched = this.#matched;
    const start = this.#position;
    const length = Math.min(delimiter.length - matched, this.#buffer.length - start);
    if (this.#buffer.compare(delimiter, matched, matched + length, start, start + length) !== 0) {
      this.#matched = 0;
      return Buffer.from(delimiter.subarray(0, matched));
    }
    this.#position = start + length;
    this.#matched = matched + length;
    if (this.#matched < delimiter.length) return undefined;
    this.#matched = 0;
    return null;
  }

  /** Finds where the buffer's last bytes may begin a delimiter; its end where they don't. */
  #startOfPartialDelimiter(): number {
    const buffer = this.#buffer;
    const end = buffer.length;
    let start = buffer.indexOf(CR, Math.max(this.#position, end - this.#delimiter.length + 1));
    while (start !== -1) {
      if (buffer.compare(this.#delimiter, 0, end - start, start, end) === 0) return start;
      start = buffer.indexOf(CR, start + 1);
    }
    return end;
  }

  /** What stands between a delimiter and the empty line that ends the header; null after the closing delimiter. */
  async #readHeader(): Promise<string | null> {
    while (this.#buffer.length - this.#position < 2) await this.#append();
    if (this.#buffer[this.#position] === DASH && this.#buffer[this.#position + 1] === DASH) return null;
    let searched = 0;
    for (;;) {
      const start = this.#position;
      const end = this.#buffer.indexOf("\r\n\r\n", start + searched, "latin1");
      if ((end === -1 ? this.#buffer.length : end) - start > MAX_HEADER_BLOCK) {
        throw new MultipartError(`The header of a part is longer than ${MAX_HEADER_BLOCK} bytes.`);
      }
      if (end !== -1) {
        this.#position = end + 4;
        return this.#buffer.toString("utf8", start, end);
      }
      searched = Math.max(0, this.#buffer.length - start - 3);
      await this.#append();
    }
  }

  /** Adds a read to what is unread. That is a header's beginning at most, so the copy is a small one. */
  async #append(): Promise<void> {
    const rest = Buffer.from(this.#buffer.subarray(this.#position));
    const read = await this.#read();
    this.#buffer = rest.length === 0 ? read : Buffer.concat([rest, read]);
    this.#position = 0;
  }

  async #read(): Promise<Buffer> {
    for (;;) {
      const { done, value } = await this.#source.next();
      if (done) throw new MultipartError(TRUNCATED);
      if (value.length > 0) return value;
    }
  }
}

async function readText(bytes: AsyncIterable<Buffer>, maxBytes: number): Promise<string | null> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of bytes) {
    size += piece.length;
    if (size > maxBytes) return null;
    pieces.push(Buffer.from(piece));
  }
  return Buffer.concat(pieces, size).toString("utf8");
}
