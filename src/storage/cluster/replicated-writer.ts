import { DataUnavailableError, InsufficientStorageError, ServiceUnavailableError } from "../../errors.ts";
import { BlobExistsError, SlowSenderError, WrongByteCountError } from "../blob-errors.ts";
import type { ComingBlob } from "../preparation.ts";
import type { BlobEnd, BlobWriter, PhysicalNode, StorageNode } from "../storage-node.ts";
import { copyBlob } from "./copy-blob.ts";
import { NodeTimeoutError, type StepLimits, settleInTime } from "./in-time.ts";

export interface OpenCopy {
  node: PhysicalNode;
  writer: BlobWriter;
}

/** A set of nodes, as its writers see it. */
export interface WriterHost extends Pick<StorageNode, "read"> {
  /** Copies wanted. */
  readonly replicas: number;
  /** Copies without which a blob is refused; null for as many as can be had. */
  readonly quorum: number | null;
  readonly patience: StepLimits;
  /** The nodes that take the blob, the preferred first, except those named. */
  candidates(id: string, size: number, except: ReadonlySet<string>): PhysicalNode[];
  /** Whether a node has room for so many bytes, except those named. */
  hasRoom(size: number, except: ReadonlySet<string>): boolean;
  /** Hears of each node that failed. */
  failed(id: string, node: PhysicalNode, error: unknown, what: "write" | "commit" | "copy"): void;
  /** Hears of each blob that is stored, and in how many copies. */
  stored(id: string, copies: number): void;
}

/** Errors that are the sender's, on whichever node they show. */
const SENDERS = [BlobExistsError, SlowSenderError, WrongByteCountError];

/**
 * Writes to several nodes at once, at the pace of the slowest. A node that fails or stalls is dropped as long as one is
 * left; at the end, others get copies in its place.
 */
export class ReplicatedWriter implements BlobWriter {
  readonly #host: WriterHost;
  readonly #blob: ComingBlob;
  /** Nodes that have had their chance. */
  readonly #tried = new Set<string>();
  readonly #failures: unknown[];
  #live: OpenCopy[];
  #committing: Promise<readonly string[]> | undefined;

  /** @param failures of nodes that were tried before, and may be tried again */
  constructor(host: WriterHost, blob: ComingBlob, copies: readonly OpenCopy[], failures: readonly unknown[]) {
    this.#host = host;
    this.#blob = blob;
    this.#live = [...copies];
    this.#failures = [...failures];
    for (const { node } of copies) this.#tried.add(node.name);
  }

  async write(buffers: readonly Uint8Array[]): Promise<void> {
    await this.#onAll("write", (writer) => writer.write(buffers));
  }

  commit(end: BlobEnd = {}): Promise<readonly string[]> {
    this.#committing ??= this.#commit(end);
    return this.#committing;
  }

  async abort(): Promise<void> {
    await this.#committing?.catch(() => {});
    await this.#drop(this.#live);
  }

  async #commit(end: BlobEnd): Promise<readonly string[]> {
    try {
      await this.#onAll("commit", (writer) => writer.commit(end));
      await this.#makeUp(end);
      if (this.#live.length < (this.#host.quorum ?? 1)) throw this.#refusal();
      this.#host.stored(this.#blob.id, this.#live.length);
      return this.#live.map(({ node }) => node.name);
    } catch (error) {
      await this.#drop(this.#live);
      throw error;
    }
  }

  async #onAll(what: "write" | "commit", step: (writer: BlobWriter) => Promise<unknown>): Promise<void> {
    const { patience } = this.#host;
    const { id, signal } = this.#blob;
    const work = this.#live.map(({ writer }) => step(writer));
    const outcomes = await settleInTime(work, patience);
    const failed = this.#live.flatMap((copy, index) => {
      const outcome = outcomes[index];
      return outcome?.status === "rejected" ? [{ ...copy, error: outcome.reason as unknown }] : [];
    });
    if (failed.length === 0) return;
    signal?.throwIfAborted();
    for (const { error } of failed) if (SENDERS.some((kind) => error instanceof kind)) throw error;
    for (const { node, error } of failed) {
      this.#failures.push(error);
      this.#host.failed(id, node, error, what);
    }
    this.#live = this.#live.filter((_, index) => outcomes[index]?.status === "fulfilled");
    const [stalled, refused] = partition(failed, ({ error }) => error instanceof NodeTimeoutError);
    // One that stalls goes on by itself, and ends with nothing left.
    for (const { writer } of stalled) void writer.abort();
    await this.#drop(refused);
    if (this.#live.length === 0) throw this.#refusal();
  }

  /** Copies the blob to other nodes, for those that failed on the way. */
  async #makeUp({ size = this.#blob.size, checksums }: BlobEnd): Promise<void> {
    const host = this.#host;
    const { replicas, patience } = host;
    const { id } = this.#blob;
    if (this.#live.length >= replicas || checksums === undefined) return;
    for (const node of host.candidates(id, this.#blob.size, this.#tried)) {
      const nodes = this.#live.map((copy) => copy.node.name);
      const timeoutMs = nodes.length >= patience.enough ? patience.graceMs : patience.timeoutMs;
      try {
        const writer = await copyBlob({ id, size, checksums, nodes }, host, node, undefined, timeoutMs);
        this.#live.push({ node, writer });
      } catch (error) {
        // The copies that there are can't be read: no fault of this node's.
        if (error instanceof DataUnavailableError) return;
        // Nor that this process has no memory for one more.
        if (error instanceof ServiceUnavailableError) return;
        this.#failures.push(error);
        host.failed(id, node, error, "copy");
      }
      if (this.#live.length >= replicas) return;
    }
  }

  /** Takes back what they wrote, without waiting for one that stalls in that. */
  async #drop(copies: readonly OpenCopy[]): Promise<void> {
    const aborts = copies.map(({ writer }) => writer.abort());
    await settleInTime(aborts, this.#host.patience);
  }

  #refusal(): Error {
    return nothingStored(this.#failures, this.#host.hasRoom(this.#blob.size, this.#tried));
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
