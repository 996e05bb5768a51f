import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { basename } from "node:path";
import { SourceChangedError } from "../errors.ts";
import { fileKey } from "../file-key.ts";
import type { Piece, Source } from "../source.ts";
import { fileHasher } from "./file-hasher.ts";

/** Bytes: a larger piece goes to the thread. WebCrypto has one too, but copies everything for it to new memory. */
const LARGEST_HASHED_HERE = 256 * 1024;

/** State of a file, which tells whether it was replaced or written to; `bigint`, since times are in nanoseconds. */
interface State {
  ino: bigint;
  size: bigint;
  mtimeNs: bigint;
}

/** A file by its path, read through buffers that are used again. */
export class PathSource implements Source {
  readonly size: number;
  readonly filename: string;
  readonly contentType: undefined;
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #opened: State;
  readonly #free: ArrayBuffer[] = [];
  readonly #reading = new Set<Promise<unknown>>();
  #closed = false;

  private constructor(path: string, file: FileHandle, opened: State) {
    this.#path = path;
    this.#file = file;
    this.#opened = opened;
    this.size = Number(opened.size);
    this.filename = basename(path);
  }

  fingerprint(): Promise<string> {
    const facts = { path: this.filename, size: this.size, modifiedMs: Number(this.#opened.mtimeNs / 1_000_000n) };
    return fileKey(facts, async (start, end) => {
      const bytes = new Uint8Array(end - start);
      await this.#fill(bytes, start);
      return bytes;
    });
  }

  /** @throws what the file system says, and TypeError when it is no regular file */
  static async open(path: string): Promise<PathSource> {
    // Not to wait for somebody to write to a pipe.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const opened = await file.stat({ bigint: true });
      if (!opened.isFile()) throw new TypeError(`${path} is not a regular file.`);
      const source = new PathSource(path, file, opened);
      if (await source.#hasMore()) throw new TypeError(`${path} has more bytes than its size says.`);
      return source;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  read(start: number, end: number): Promise<Piece> {
    const reading = this.#read(start, end);
    this.#reading.add(reading);
    return reading.finally(() => this.#reading.delete(reading));
  }

  async #read(start: number, end: number): Promise<Piece> {
    const length = end - start;
    const fits = this.#free.findIndex((buffer) => buffer.byteLength >= length);
    const [memory = new ArrayBuffer(length)] = fits === -1 ? [] : this.#free.splice(fits, 1);
    const bytes = new Uint8Array(memory, 0, length);
    const isLarge = length > LARGEST_HASHED_HERE && fileHasher.isAvailable;
    const hashing = isLarge ? fileHasher.sha256({ fd: this.#file.fd, start, end }) : undefined;
    try {
      const [, sha256 = createHash("sha256").update(bytes).digest()] = await Promise.all([
        this.#fill(bytes, start),
        hashing,
      ]);
      this.#refuseChanged(await this.#file.stat({ bigint: true }));
      return { bytes, sha256 };
    } finally {
      await hashing?.catch(() => {});
    }
  }

  async #fill(bytes: Uint8Array, start: number): Promise<void> {
    for (let read = 0; read < bytes.length; ) {
      const { bytesRead } = await this.#file.read(bytes, read, bytes.length - read, start + read);
      if (bytesRead === 0) throw new SourceChangedError();
      read += bytesRead;
    }
  }

  release({ buffer }: Uint8Array<ArrayBuffer>): void {
    if (!this.#closed) this.#free.push(buffer);
  }

  /** Whether there is something after the end, as in files that the system makes up. */
  async #hasMore(): Promise<boolean> {
    return (await this.#file.read(new Uint8Array(1), 0, 1, this.size)).bytesRead > 0;
  }

  async verify(): Promise<void> {
    this.#refuseChanged(await this.#file.stat({ bigint: true }));
    if (await this.#hasMore()) throw new SourceChangedError();
    let named: State;
    try {
      named = await stat(this.#path, { bigint: true });
    } catch (cause) {
      throw new SourceChangedError(cause);
    }
    this.#refuseChanged(named);
  }

  #refuseChanged({ ino, size, mtimeNs }: State): void {
    const { ino: inoThen, size: sizeThen, mtimeNs: mtimeThen } = this.#opened;
    if (ino !== inoThen || size !== sizeThen || mtimeNs !== mtimeThen) throw new SourceChangedError();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#free.length = 0;
    // The thread reads by the descriptor's number, which may be another file's as soon as it is closed.
    await Promise.allSettled(this.#reading);
    await this.#file.close();
  }
}
