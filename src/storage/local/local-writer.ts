import { type FileHandle, open, unlink } from "node:fs/promises";
import { constants } from "node:os";
import { dirname } from "node:path";
import { InsufficientStorageError } from "../../errors.ts";
import { codeOf } from "../../runtime/errno.ts";
import { placeFile } from "../../runtime/place-file.ts";
import { BlobExistsError } from "../blob-errors.ts";
import { ByteCount } from "../byte-count.ts";
import type { BlobEnd, BlobWriter } from "../storage-node.ts";
import type { Durability, DurableFolders } from "./durable-folders.ts";

interface LocalTarget {
  node: string;
  id: string;
  /** Bytes announced. */
  size: number;
  temporaryPath: string;
  finalPath: string;
  folders: DurableFolders;
  durability: Durability;
  signal?: AbortSignal | undefined;
}

/** Writes to a temporary file, which becomes the blob in one step when it is whole. */
export class LocalWriter implements BlobWriter {
  readonly #target: LocalTarget;
  readonly #file: FileHandle;
  readonly #folder: Promise<void>;
  readonly #count: ByteCount;
  #failure: unknown;
  #placed = false;
  #committing: Promise<readonly string[]> | undefined;

  private constructor(target: LocalTarget, file: FileHandle) {
    this.#target = target;
    this.#file = file;
    this.#count = new ByteCount(target.size);
    // The blob's folder is made while its bytes come in; commit() meets its error.
    this.#folder = target.folders.ensure(dirname(target.finalPath));
    this.#folder.catch(() => {});
  }

  static async open(target: LocalTarget): Promise<LocalWriter> {
    try {
      return new LocalWriter(target, await open(target.temporaryPath, "wx", 0o600));
    } catch (error) {
      throw fullOrAsItIs(error);
    }
  }

  async write(buffers: readonly Uint8Array[]): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      this.#target.signal?.throwIfAborted();
      this.#count.add(buffers);
      await writeFully(this.#file, buffers);
    } catch (error) {
      this.#failure ??= fullOrAsItIs(error);
      await this.#discard();
      throw this.#failure;
    }
  }

  commit({ size }: BlobEnd = {}): Promise<readonly string[]> {
    this.#committing ??= this.#commit(size);
    return this.#committing;
  }

  async abort(): Promise<void> {
    this.#failure ??= new Error(`The writing of blob ${this.#target.id} was aborted`);
    await this.#committing?.catch(() => {});
    await this.#discard();
  }

  async #commit(size: number | undefined): Promise<readonly string[]> {
    try {
      if (this.#failure !== undefined) throw this.#failure;
      this.#count.end(size);
      if (this.#target.durability === "fsync") await this.#file.datasync();
      await this.#file.close();
      await this.#folder;
      await this.#place();
      await this.#target.folders.sync(dirname(this.#target.finalPath));
      return [this.#target.node];
    } catch (error) {
      this.#failure ??= fullOrAsItIs(error);
      await this.#discard();
      throw this.#failure;
    }
  }

  async #place(): Promise<void> {
    const { temporaryPath, finalPath, folders, id, node } = this.#target;
    try {
      await placeFile(temporaryPath, finalPath);
      this.#placed = true;
    } catch (error) {
      if (codeOf(error) === "EEXIST") throw new BlobExistsError(id, node, error);
      if (codeOf(error) === "ENOENT") folders.forget(dirname(finalPath));
      throw error;
    }
    await unlink(temporaryPath).catch((error: unknown) => {
      if (codeOf(error) !== "ENOENT") throw error;
    });
  }

  async #discard(): Promise<void> {
    const { temporaryPath, finalPath } = this.#target;
    const ignore = () => {};
    await this.#file.close().catch(ignore);
    await unlink(temporaryPath).catch(ignore);
    if (this.#placed) await unlink(finalPath).catch(ignore);
    this.#placed = false;
  }
}

/** Appends all the buffers: the system may take only a part of them at a time. */
export async function writeFully(file: Pick<FileHandle, "writev">, buffers: readonly Uint8Array[]): Promise<void> {
  let rest = without(buffers, 0);
  while (rest.length > 0) {
    const { bytesWritten } = await file.writev(rest);
    if (bytesWritten === 0) throw new Error("The file system took no bytes");
    rest = without(rest, bytesWritten);
  }
}

function without(buffers: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let skip = bytes;
  for (const buffer of buffers) {
    if (buffer.length > skip) rest.push(buffer.subarray(skip));
    skip = Math.max(skip - buffer.length, 0);
  }
  return rest;
}

/** Error numbers rather than codes: Node has no name for EDQUOT. */
const FULL = new Set([constants.errno.ENOSPC, constants.errno.EDQUOT, constants.errno.EFBIG]);

function fullOrAsItIs(error: unknown): unknown {
  const { errno } = error as NodeJS.ErrnoException;
  return errno !== undefined && FULL.has(-errno) ? new InsufficientStorageError(error) : error;
}
