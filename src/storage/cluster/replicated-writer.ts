import { DataUnavailableError, InsufficientStorageError, ServiceUnavailableError } from "../../errors.ts";
import { BlobExistsError, SlowSenderError, WrongByteCountError } from "../blob-errors.ts";
import { BlockChecksums } from "../block-checksums.ts";
import type { BlobWriter, PhysicalNode, StorageNode } from "../storage-node.ts";
import { copyBlob } from "./copy-blob.ts";
import { NodeTimeoutError, type Patience, settleInTime } from "./patience.ts";

export interface Replica {
  node: PhysicalNode;
  writer: BlobWriter;
}

/** What a writer needs of its node set. */
export interface ReplicationTarget {
  id: string;
  /** Bytes announced. */
  size: number;
  /** Copies wanted. */
  replicas: number;
  /** Copies without which the blob is refused; null for as many as can be had. */
  quorum: number | null;
  patience: Patience;
  /** Reads back what survived, to make up for a node that failed. */
  source: Pick<StorageNode, "read">;
  /** Nodes that take blobs, the preferred first, except those named. */
  spares(except: ReadonlySet<string>): PhysicalNode[];
  /** Whether one of them has room. */
  isRoomElsewhere(except: ReadonlySet<string>): boolean;
  /** Told of every node that failed. */
  onFailure(node: PhysicalNode, error: unknown, what: "write" | "commit" | "copy"): void;
  /** Told of every blob that is stored. */
  onCopies(copies: number): void;
  signal?: AbortSignal | undefined;
}

/**
 * Writes to several nodes at once, at the pace of the slowest. A node that fails or stalls is dropped as long as one is
 * left; at the end, others get copies in its place.
 */
export class ReplicatedWriter implements BlobWriter {
  readonly #target: ReplicationTarget;
  /** Nodes that have had their chance. */
  readonly #tried = new Set<string>();
  readonly #failures: unknown[];
  /** Only there if a copy may have to be made. */
  readonly #checksums: BlockChecksums | undefined;
  #live: Replica[];
  #received = 0;
  #committing: Promise<readonly string[]> | undefined;

  /** @param failures of nodes that were tried before, and may be tried again */
  constructor(target: ReplicationTarget, replicas: readonly Replica[], failures: readonly unknown[]) {
    this.#target = target;
    this.#live = [...replicas];
    this.#failures = [...failures];
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

  commit(size = this.#target.size, sha256?: Uint8Array): Promise<readonly string[]> {
    this.#committing ??= this.#commit(size, sha256);
    return this.#committing;
  }

  async abort(): Promise<void> {
    await this.#committing?.catch(() => {});
    await this.#drop(this.#live);
  }

  async #commit(size: number, sha256: Uint8Array | undefined): Promise<readonly string[]> {
    try {
      this.#checkCount(this.#received !== size, size);
      await this.#onAll("commit", (writer) => writer.commit(size, sha256));
      await this.#makeUp(size);
      if (this.#live.length < (this.#target.quorum ?? 1)) throw this.#refusal();
      this.#target.onCopies(this.#live.length);
      return this.#live.map(({ node }) => node.name);
    } catch (error) {
      await this.#drop(this.#live);
      throw error;
    }
  }

  #checkCount(wrong: boolean, expected = this.#target.size): void {
    if (wrong) throw new WrongByteCountError(expected, this.#received);
  }

  async #onAll(what: "write" | "commit", step: (writer: BlobWriter) => Promise<unknown>): Promise<void> {
    const { patience, signal, onFailure } = this.#target;
    const work = this.#live.map(({ writer }) => step(writer));
    const outcomes = await settleInTime(work, patience);
    const failed = this.#live.flatMap((replica, index) => {
      const outcome = outcomes[index];
      return outcome?.status === "rejected" ? [{ ...replica, error: outcome.reason as unknown }] : [];
    });
    if (failed.length === 0) return;
    signal?.throwIfAborted();
    for (const { error } of failed) {
      if (error instanceof BlobExistsError || error instanceof SlowSenderError) throw error;
    }
    for (const { node, error } of failed) {
      this.#failures.push(error);
      onFailure(node, error, what);
    }
    this.#live = this.#live.filter((_, index) => outcomes[index]?.status === "fulfilled");
    const [stalled, refused] = partition(failed, ({ error }) => error instanceof NodeTimeoutError);
    // One that stalls goes on by itself, and ends with nothing left.
    for (const { writer } of stalled) void writer.abort();
    await this.#drop(refused);
    if (this.#live.length === 0) throw this.#refusal();
  }

  /** Copies the blob to other nodes, for those that failed on the way. */
  async #makeUp(size: number): Promise<void> {
    const { id, replicas, source, spares, onFailure, patience } = this.#target;
    if (this.#live.length >= replicas || this.#checksums === undefined) return;
    const checksums = this.#checksums.digest();
    for (const node of spares(this.#tried)) {
      const nodes = this.#live.map((replica) => replica.node.name);
      const timeoutMs = nodes.length >= patience.enough ? patience.graceMs : patience.timeoutMs;
      try {
        const writer = await copyBlob({ id, size, checksums, nodes }, source, node, undefined, timeoutMs);
        this.#live.push({ node, writer });
      } catch (error) {
        // The copies that there are can't be read: no fault of this node's.
        if (error instanceof DataUnavailableError) return;
        this.#failures.push(error);
        onFailure(node, error, "copy");
      }
      if (this.#live.length >= replicas) return;
    }
  }

  /** Takes back what they wrote, without waiting for one that stalls in that. */
  async #drop(replicas: readonly Replica[]): Promise<void> {
    const aborts = replicas.map(({ writer }) => writer.abort());
    await settleInTime(aborts, this.#target.patience);
  }

  #refusal(): Error {
    return nothingStored(this.#failures, this.#target.isRoomElsewhere(this.#tried));
  }
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}

/**
 * The error for the caller when no node, or too few, could take a blob.
 * @param isRoomElsewhere whether a retry would find a node with room
 */
export function nothingStored(failures: readonly unknown[], isRoomElsewhere: boolean): Error {
  const cause = new AggregateError(failures, "Too few storage nodes could take the blob");
  const isFull = failures.length > 0 && failures.every((failure) => failure instanceof InsufficientStorageError);
  return isFull && !isRoomElsewhere
    ? new InsufficientStorageError(cause)
    : new ServiceUnavailableError(undefined, cause);
}
