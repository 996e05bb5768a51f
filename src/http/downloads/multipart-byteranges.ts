import { randomBytes } from "node:crypto";
import type { ByteRange } from "../../storage/storage-node.ts";

/** The Content-Range of one range, such as `bytes 0-4/10`. */
export function contentRange(range: ByteRange, size: number): string {
  return `bytes ${range.start}-${range.end - 1}/${size}`;
}

/** A body of several ranges of one file (RFC 9110, section 14.6), whose length is known before its first byte. */
export class MultipartByteranges {
  readonly contentType: string;
  /** Bytes of the whole body. */
  readonly length: number;
  readonly #parts: { range: ByteRange; head: Buffer }[];
  readonly #end: Buffer;

  /** @param contentType of each part */
  constructor(ranges: readonly ByteRange[], size: number, contentType: string) {
    const boundary = `stowage-${randomBytes(18).toString("hex")}`;
    this.contentType = `multipart/byteranges; boundary=${boundary}`;
    this.#parts = ranges.map((range, index) => {
      const fields = `Content-Type: ${contentType}\r\nContent-Range: ${contentRange(range, size)}\r\n`;
      return { range, head: Buffer.from(`${index === 0 ? "" : "\r\n"}--${boundary}\r\n${fields}\r\n`, "latin1") };
    });
    this.#end = Buffer.from(`\r\n--${boundary}--\r\n`, "latin1");
    this.length = this.#parts.reduce((sum, { range, head }) => sum + head.length + range.end - range.start, 0);
    this.length += this.#end.length;
  }

  /** Yields nothing before the first range gave its first buffer, so that whoever asks for one buffer knows of that. */
  async *body(read: (range: ByteRange) => AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for (const { range, head } of this.#parts) {
      let started = false;
      for await (const buffer of read(range)) {
        if (!started) yield head;
        started = true;
        yield buffer;
      }
    }
    yield this.#end;
  }
}
