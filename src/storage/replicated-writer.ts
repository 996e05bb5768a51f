import { InsufficientStorageError, ServiceUnavailableError } from "../errors.ts";
import { BlobExistsError, WrongByteCountError } from "./blob-errors.ts";
import { BlockChecksums } from "./block-checksums.ts";
import { copyBlob } from "./copy-blob.ts";
import type { BlobWriter, StorageNode } from "./storage-node.ts";

export interface Replica {
  node: StorageNode;
  writer: BlobWriter;
}

/** What a writer needs of its node set. */
export interface ReplicationTarget {
  id: string;
  /** Bytes announced. */
  size: number;
  /** Copies wanted. */
  replicas: number;
  /** Reads back what survived, to make up for a node that failed. */
  source: Pick<StorageNode, "read">;
  /** Nodes that are up, the preferred first, except those named. */
  spares(except: ReadonlySet<string>): StorageNode[];
  /** Told of every node that failed. */
  onFailure(node: StorageNode, error: unknown, what: string): void;
  onTooFew(copies: number): void;
  signal?: AbortSignal | undefined;
}

/** Writes to several nodes at once, at the pace of the slowest. A node that fails is dropped as long as one is left. */
export class ReplicatedWriter implements BlobWriter {
  readonly #target: ReplicationTarget;
  /** Nodes that have had their chance. */
  readonly #tried = new Set<string>();
  readonly #failures: unknown[] = [];
  /** Only there if a copy may have to be made. */
  readonly #checksums: BlockChecksums | undefined;
  #live: Replica[];
  #received = 0;
  #committing: Promise<readonly string[]> | undefined;

  constructor(target: ReplicationTarget, replicas: readonly Replica[]) {
    this.#target = target;
    this.#live = [...replicas];
    this.#checksums = target.replicas > 1 ? new BlockChecksums() : undefined;
    for (const { node } of replicas) this.#tried.add(node.name);
  }

  async write(buffers: readonly Uint8Array[]): Promise<void> {
    for (const buffer of buffers) {
      this.#received += buffer.length;
      this.#checksums?.update(buffer);
    }
    this.#checkCount(this.#received > this.#target.size);
    await this.#onAll("write", (writer) => writer.write(buffers));
  }

  commit(size = this.#target.size): Promise<readonly string[]> {
    this.#committing ??= this.#commit(size);
    return this.#committing;
  }

  async abort(): Promise<void> {
    await this.#committing?.catch(() => {});
    await this.#discard();
  }

  async #commit(size: number): Promise<readonly string[]> {
    try {
      this.#checkCount(this.#received !== size, size);
      await this.#onAll("commit", (writer) => writer.commit(size));
      await this.#makeUp(size);
      return this.#live.map(({ node }) => node.name);
    } catch (error) {
      await this.#discard();
      throw error;
    }
  }

  #checkCount(wrong: boolean, expected = this.#target.size): void {
    if (wrong) throw new WrongByteCountError(expected, this.#received);
  }

  async #onAll(what: string, step: (writer: BlobWriter) => Promise<unknown>): Promise<void> {
    const outcomes = await Promise.allSettled(this.#live.map(({ writer }) => step(writer)));
    const failed = this.#live.flatMap((replica, index) => {
      const outcome = outcomes[index];
      return outcome?.status === "rejected" ? [{ ...replica, error: outcome.reason as unknown }] : [];
    });
    if (failed.length > 0) this.#target.signal?.throwIfAborted();
    for (const { error } of failed) if (error instanceof BlobExistsError) throw error;
    for (const { node, error } of failed) {
      this.#failures.push(error);
      this.#target.onFailure(node, error, what);
    }
    this.#live = this.#live.filter((_, index) => outcomes[index]?.status === "fulfilled");
    await Promise.all(failed.map(({ writer }) => writer.abort()));
    if (this.#live.length === 0) throw nothingStored(this.#failures);
  }

  /** Copies the blob to other nodes, for those that failed on the way. */
  async #makeUp(size: number): Promise<void> {
    const { id, replicas, source, spares, onFailure, onTooFew } = this.#target;
    if (this.#live.length >= replicas || this.#checksums === undefined) return;
    const checksums = this.#checksums.digest();
    for (const node of spares(this.#tried)) {
      const nodes = this.#live.map((replica) => replica.node.name);
      try {
        this.#live.push({ node, writer: await copyBlob({ id, size, checksums, nodes }, source, node) });
      } catch (error) {
        onFailure(node, error, "copy");
      }
      if (this.#live.length >= replicas) return;
    }
    onTooFew(this.#live.length);
  }

  async #discard(): Promise<void> {
    await Promise.all(this.#live.map(({ writer }) => writer.abort()));
  }
}

/** The error for the caller when no node could take a blob. */
export function nothingStored(failures: readonly unknown[]): Error {
  const cause = new AggregateError(failures, "No storage node could take the blob");
  const allFull = failures.length > 0 && failures.every((failure) => failure instanceof InsufficientStorageError);
  return allFull ? new InsufficientStorageError(cause) : new ServiceUnavailableError(undefined, cause);
}
