import { randomBytes } from "node:crypto";
import { access, constants, type FileHandle, lstat, open, opendir, rename, statfs, unlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { CorruptBlobError, MissingBlobError } from "./blob-errors.ts";
import { blobPath, isBlobId } from "./blob-path.ts";
import { blocksAround, verifyBlocks } from "./block-checksums.ts";
import { type Durability, DurableFolders } from "./durable-folders.ts";
import { BufferPool, readPieces } from "./local-reader.ts";
import { LocalWriter } from "./local-writer.ts";
import type {
  BlobWriter,
  ByteRange,
  ListedBlob,
  NodeIdentity,
  NodeStatus,
  PhysicalNode,
  StoredBlob,
} from "./storage-node.ts";

export interface LocalNodeOptions {
  durability?: Durability;
}

/** At most 16 MiB kept for the reads to come. */
const POOLED_BUFFERS = 32;
const HEX_PAIR = /^[0-9a-f]{2}$/;

/** Keeps each blob as a file `blobs/<ab>/<cd>/<id>` in a folder; `tmp/` has what is being written, `aside/` what is bad. */
export class LocalNode implements PhysicalNode {
  readonly kind = "LOCAL";
  readonly name: string;
  readonly #blobs: string;
  readonly #tmp: string;
  readonly #aside: string;
  readonly #folders: DurableFolders;
  readonly #durability: Durability;
  readonly #pool = new BufferPool(POOLED_BUFFERS);

  private constructor(name: string, root: string, folders: DurableFolders, durability: Durability) {
    this.name = name;
    this.#blobs = join(root, "blobs");
    this.#tmp = join(root, "tmp");
    this.#aside = join(root, "aside");
    this.#folders = folders;
    this.#durability = durability;
  }

  /** Makes the folder where there is none. */
  static async open(name: string, directory: string, options: LocalNodeOptions = {}): Promise<LocalNode> {
    const { durability = "fsync" } = options;
    const folders = await DurableFolders.open(directory, durability);
    const node = new LocalNode(name, resolve(directory), folders, durability);
    await folders.ensure(node.#blobs);
    await folders.ensure(node.#tmp);
    return node;
  }

  async create(id: string, size: number, signal?: AbortSignal): Promise<BlobWriter> {
    signal?.throwIfAborted();
    return await LocalWriter.open({
      node: this.name,
      id,
      size,
      finalPath: blobPath(this.#blobs, id),
      temporaryPath: join(this.#tmp, `${id}.${randomBytes(8).toString("hex")}`),
      folders: this.#folders,
      durability: this.#durability,
      signal,
    });
  }

  async *read(blob: StoredBlob, range: ByteRange, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
    signal?.throwIfAborted();
    const file = await this.#open(blob);
    // Frees the file also where nobody asks for the next buffer any more.
    const close = () => void file.close().catch(() => {});
    signal?.addEventListener("abort", close, { once: true });
    try {
      const { size } = await file.stat();
      if (size !== blob.size) throw new CorruptBlobError(blob.id, this.name, null, `${size} bytes, not ${blob.size}`);
      const pieces = readPieces(file, blocksAround(range, blob.size), this.#pool, signal);
      yield* verifyBlocks(pieces, blob, range, this.name);
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener("abort", close);
      await file.close();
    }
  }

  async remove({ id }: Pick<StoredBlob, "id">): Promise<void> {
    try {
      await unlink(blobPath(this.#blobs, id));
    } catch (error) {
      if (!isMissing(error)) throw error;
      // A disk that was unmounted hasn't lost its blobs: then this rejects.
      await access(this.#blobs);
    }
  }

  async *list(): AsyncGenerator<ListedBlob, void, void> {
    for await (const outer of await opendir(this.#blobs)) {
      if (!outer.isDirectory() || !HEX_PAIR.test(outer.name)) continue;
      for await (const inner of await opendir(join(this.#blobs, outer.name))) {
        if (inner.isDirectory() && HEX_PAIR.test(inner.name)) yield* this.#listFolder(outer.name, inner.name);
      }
    }
  }

  async *#listFolder(outer: string, inner: string): AsyncGenerator<ListedBlob, void, void> {
    for await (const { name } of await opendir(join(this.#blobs, outer, inner))) {
      if (!isBlobId(name) || !name.endsWith(outer + inner)) continue;
      const found = await statIfThere(blobPath(this.#blobs, name));
      if (found?.isFile()) yield { id: name, size: found.size, modifiedAt: found.mtime };
    }
  }

  async removeLeftovers(olderThan: Date): Promise<void> {
    for await (const { name } of await opendir(this.#tmp)) {
      const path = join(this.#tmp, name);
      const found = await statIfThere(path);
      if (found?.isFile() && found.mtime < olderThan) await unlink(path).catch(ignoreMissing);
    }
  }

  async probe(): Promise<NodeStatus> {
    await Promise.all([this.#blobs, this.#tmp].map((folder) => access(folder, constants.R_OK | constants.W_OK)));
    const { bavail, bsize } = await statfs(this.#tmp);
    return { freeBytes: bavail * bsize };
  }

  async identity(): Promise<NodeIdentity | null> {
    return null;
  }

  async claim(): Promise<void> {}

  async setAside(id: string): Promise<void> {
    const path = blobPath(this.#blobs, id);
    await this.#folders.ensure(this.#aside);
    try {
      await rename(path, join(this.#aside, id));
    } catch (error) {
      if (!isMissing(error)) throw error;
      await access(this.#blobs);
      return;
    }
    await this.#folders.sync(this.#aside);
    await this.#folders.sync(dirname(path));
  }

  async removeAside(id: string): Promise<void> {
    if (!isBlobId(id)) throw new TypeError(`Not a blob id: ${JSON.stringify(id)}`);
    await unlink(join(this.#aside, id)).catch(ignoreMissing);
  }

  async #open(blob: StoredBlob): Promise<FileHandle> {
    try {
      return await open(blobPath(this.#blobs, blob.id), "r");
    } catch (error) {
      throw isMissing(error) ? new MissingBlobError(blob.id, this.name, error) : error;
    }
  }
}

async function statIfThere(path: string) {
  return await lstat(path).catch(ignoreMissing);
}

function ignoreMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}
