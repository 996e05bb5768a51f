import { sha256 } from "./digests.ts";
import { SourceChangedError } from "./errors.ts";
import type { Piece, Source } from "./source.ts";

/** A Blob, or a File with its name and time. */
export class BlobSource implements Source {
  readonly size: number;
  readonly filename: string | undefined;
  readonly contentType: string | undefined;
  readonly fingerprint: string | undefined;
  readonly #blob: Blob;

  constructor(blob: Blob) {
    this.#blob = blob;
    this.size = blob.size;
    this.contentType = blob.type === "" ? undefined : blob.type;
    if (!(blob instanceof File)) return;
    this.filename = blob.name;
    // The path of a file in a chosen folder: it tells two files of one name apart.
    const path = (blob as { webkitRelativePath?: string }).webkitRelativePath || blob.name;
    this.fingerprint = `${path}:${blob.size}:${blob.lastModified}`;
  }

  async read(start: number, end: number): Promise<Piece> {
    const bytes = await this.#bytes(start, end);
    return { bytes, sha256: await sha256(bytes) };
  }

  async #bytes(start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    try {
      const bytes = new Uint8Array(await this.#blob.slice(start, end).arrayBuffer());
      if (bytes.length === end - start) return bytes;
    } catch (cause) {
      // What platforms say when the file behind a File was changed or removed.
      if (cause instanceof DOMException) throw new SourceChangedError(cause);
      throw cause;
    }
    throw new SourceChangedError();
  }

  release(): void {}

  async verify(): Promise<void> {
    if (this.size > 0) await this.#bytes(0, 1);
  }

  async close(): Promise<void> {}
}
