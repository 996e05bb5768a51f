import { sha256 } from "./digests.ts";
import { SourceChangedError } from "./errors.ts";
import { fileKey } from "./file-key.ts";
import type { Piece, Source } from "./source.ts";

/**
 * Makes a key by which the upload of the same file is found again.
 * @param path with its folders; left out, that of a file in a chosen folder, or its name
 * @throws SourceChangedError when the file can't be read any more
 */
export function keyOfFile(
  file: File,
  path = (file as { webkitRelativePath?: string }).webkitRelativePath || file.name,
): Promise<string> {
  const read = (start: number, end: number) => readBlob(file, start, end);
  return fileKey({ path, size: file.size, modifiedMs: file.lastModified }, read);
}

async function readBlob(blob: Blob, start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const bytes = new Uint8Array(await blob.slice(start, end).arrayBuffer());
    if (bytes.length === end - start) return bytes;
  } catch (cause) {
    // What platforms say when the file behind a File was changed or removed.
    if (cause instanceof DOMException) throw new SourceChangedError(cause);
    throw cause;
  }
  throw new SourceChangedError();
}

/** A Blob, or a File with its name and time. */
export class BlobSource implements Source {
  readonly size: number;
  readonly filename: string | undefined;
  readonly contentType: string | undefined;
  readonly #blob: Blob;

  constructor(blob: Blob) {
    this.#blob = blob;
    this.size = blob.size;
    this.contentType = blob.type === "" ? undefined : blob.type;
    if (!(blob instanceof File)) return;
    this.filename = blob.name;
  }

  async fingerprint(): Promise<string | undefined> {
    return this.#blob instanceof File ? keyOfFile(this.#blob) : undefined;
  }

  async read(start: number, end: number): Promise<Piece> {
    const bytes = await readBlob(this.#blob, start, end);
    return { bytes, sha256: await sha256(bytes) };
  }

  release(): void {}

  async verify(): Promise<void> {
    if (this.size > 0) await readBlob(this.#blob, 0, 1);
  }

  async close(): Promise<void> {}
}
