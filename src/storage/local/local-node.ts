import { randomBytes } from "node:crypto";
import { access, constants, type FileHandle, lstat, open, opendir, rename, statfs, unlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { codeOf } from "../../runtime/errno.ts";
import { makeFolder, makeOnlyFolder, syncWayTo } from "../../runtime/folders.ts";
import { isUuid } from "../../runtime/uuid.ts";
import { SlabPool } from "../../streams/slab-pool.ts";
import { CorruptBlobError, MissingBlobError } from "../blob-errors.ts";
import { blobPath } from "../blob-path.ts";
import { blocksAround, verifyBlocks } from "../block-checksums.ts";
import { checkIdentity, NodeIdentityError } from "../node-identity.ts";
import type {
  BlobWriter,
  ByteRange,
  ListedBlob,
  NodeIdentity,
  PhysicalNode,
  ProbeResult,
  StoredBlob,
} from "../storage-node.ts";
import { type Durability, DurableFolders } from "./durable-folders.ts";
import { readIdentity, syncIdentity, writeIdentity } from "./local-identity.ts";
import { readPieces } from "./local-reader.ts";
import { LocalWriter } from "./local-writer.ts";

/** Inodes that a new blob may need: a temporary file, and the folders that it is the first in. */
const INODES_OF_A_BLOB = 3;

interface LocalNodeOptions {
  durability?: Durability;
}

const HEX_PAIR = /^[0-9a-f]{2}$/;

/**
 * Keeps each blob as a file `blobs/<ab>/<cd>/<id>` in a folder; `tmp/` has what is being written, `aside/` bad copies,
 * `stowage-node.json` the identity. Only `claim` makes these: where they are missing, a disk may not be mounted.
 */
export class LocalNode implements PhysicalNode {
  readonly name: string;
  readonly kind = "LOCAL";
  readonly #root: string;
  readonly #blobs: string;
  readonly #tmp: string;
  readonly #aside: string;
  readonly #folders: DurableFolders;
  readonly #durability: Durability;
  readonly #pool = new SlabPool();
  /** What a probe has to find; null before `claim`. */
  #claimed: NodeIdentity | null = null;

  private constructor(name: string, root: string, durability: Durability) {
    this.name = name;
    this.#root = root;
    this.#blobs = join(root, "blobs");
    this.#tmp = join(root, "tmp");
    this.#aside = join(root, "aside");
    this.#folders = new DurableFolders(this.#blobs, durability);
    this.#durability = durability;
  }

  /** Makes nothing: `claim` does. */
  static async open(name: string, directory: string, options: LocalNodeOptions = {}): Promise<LocalNode> {
    return new LocalNode(name, resolve(directory), options.durability ?? "fsync");
  }

  identity(): Promise<NodeIdentity | null> {
    return readIdentity(this.name, this.#root);
  }

  /** Writes the identity and makes the folders; where it is there already, only folders that are missing. */
  async claim(identity: NodeIdentity): Promise<void> {
    const found = await this.identity();
    if (found !== null) checkIdentity(this.name, identity, found);
    // A root that had an identity is never made again: it may be unmounted by now.
    const make = found === null ? makeFolder : makeOnlyFolder;
    for (const folder of [this.#blobs, this.#tmp, this.#aside]) await make(folder);
    if (found === null) {
      await writeIdentity(this.#root, this.#tmp, identity);
      // Somebody else may have been faster.
      checkIdentity(this.name, identity, await this.identity());
    } else if (this.#durability === "fsync") await syncIdentity(this.#root);
    if (this.#durability === "fsync") await syncWayTo(this.#root);
    this.#folders.forgetAll();
    this.#claimed = identity;
  }

  async create(id: string, size: number, signal?: AbortSignal): Promise<BlobWriter> {
    signal?.throwIfAborted();
    if (this.#claimed === null) throw this.#unclaimed();
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
      // A sector that can't be read is as bad as one that changed.
      throw codeOf(error) === "EIO" ? new CorruptBlobError(blob.id, this.name, null, "it can't be read", error) : error;
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
      await this.#checkPlace();
    }
  }

  async setAside(id: string): Promise<void> {
    const path = blobPath(this.#blobs, id);
    try {
      await rename(path, this.#asidePath(id));
    } catch (error) {
      if (!isMissing(error)) throw error;
      await this.#checkPlace();
      await access(this.#aside);
      return;
    }
    // In this order: a power cut may leave both names, never none.
    await this.#folders.sync(this.#aside);
    await this.#folders.sync(dirname(path));
  }

  async removeAside(id: string): Promise<void> {
    try {
      await unlink(this.#asidePath(id));
    } catch (error) {
      if (!isMissing(error)) throw error;
      await this.#checkPlace();
    }
  }

  async *listAside(): AsyncGenerator<string, void, void> {
    await this.#checkPlace();
    for await (const { name } of await opendir(this.#aside)) if (isUuid(name)) yield name;
  }

  #asidePath(id: string): string {
    if (!isUuid(id)) throw new TypeError(`Not a blob id: ${JSON.stringify(id)}`);
    return join(this.#aside, id);
  }

  async *list(): AsyncGenerator<ListedBlob, void, void> {
    // What isn't claimed by anybody may be looked at before it is adopted.
    if (this.#claimed !== null || (await this.identity()) !== null) await this.#checkPlace();
    for await (const outer of await opendir(this.#blobs)) {
      if (!outer.isDirectory() || !HEX_PAIR.test(outer.name)) continue;
      for await (const inner of await opendir(join(this.#blobs, outer.name))) {
        if (inner.isDirectory() && HEX_PAIR.test(inner.name)) yield* this.#listFolder(outer.name, inner.name);
      }
    }
  }

  async *#listFolder(outer: string, inner: string): AsyncGenerator<ListedBlob, void, void> {
    for await (const { name } of await opendir(join(this.#blobs, outer, inner))) {
      if (!isUuid(name) || !name.endsWith(outer + inner)) continue;
      const found = await statIfThere(blobPath(this.#blobs, name));
      if (found?.isFile()) yield { id: name, size: found.size, modifiedAt: found.mtime };
    }
  }

  async removeLeftovers(olderThan: Date): Promise<void> {
    await this.#checkPlace();
    for await (const { name } of await opendir(this.#tmp)) {
      const path = join(this.#tmp, name);
      const found = await statIfThere(path);
      if (found?.isFile() && found.mtime < olderThan) await unlink(path).catch(ignoreMissing);
    }
  }

  async probe(): Promise<ProbeResult> {
    try {
      await this.#checkPlace();
      // Nothing of worth is lost with these, as by somebody who tidied up.
      for (const folder of [this.#tmp, this.#aside]) await makeOnlyFolder(folder);
      await Promise.all([this.#blobs, this.#tmp].map((folder) => access(folder, constants.R_OK | constants.W_OK)));
      const { bavail, bsize, files, ffree } = await statfs(this.#tmp);
      // Some file systems make inodes as they need them, and say that there are none.
      const lacksInodes = files > 0 && ffree < INODES_OF_A_BLOB;
      return { freeBytes: lacksInodes ? 0 : bavail * bsize };
    } catch (error) {
      // What comes back may be another disk, with other folders.
      this.#folders.forgetAll();
      throw error;
    }
  }

  /** Rejects when the folder isn't this node, as when its disk is not mounted. */
  async #checkPlace(): Promise<void> {
    if (this.#claimed === null) throw this.#unclaimed();
    checkIdentity(this.name, this.#claimed, await this.identity());
  }

  #unclaimed(): NodeIdentityError {
    return new NodeIdentityError(this.name, "its folder was not claimed.");
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
  return codeOf(error) === "ENOENT";
}
