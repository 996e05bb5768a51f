import type { ComingBlob } from "./preparation.ts";

/** Every blob is checked in blocks of this many bytes; its last block may be shorter. */
export const BLOCK_SIZE = 256 * 1024;

/** A half-open range of bytes: `start` is the first, `end` the one after the last. */
export interface ByteRange {
  start: number;
  end: number;
}

/** One stored blob, as the database knows it. */
export interface StoredBlob {
  /** A lower-case UUID: the blob's name on every node. */
  id: string;
  /** Bytes. */
  size: number;
  /** CRC32 of each block in order, four bytes each, big-endian. */
  checksums: Uint8Array;
  /** The names of the nodes that hold it. A single node doesn't look at them. */
  nodes: readonly string[];
}

export interface ListedBlob {
  id: string;
  /** Bytes. */
  size: number;
  modifiedAt: Date;
}

/** What a node that takes blobs says of itself. */
export interface ProbeResult {
  /** Null where the node can't tell. */
  freeBytes: number | null;
}

/** What a blob's sender knows of it at its end. */
export interface BlobEnd {
  /** Bytes, at least 1, where it ends before the size that was announced; else it has that size. */
  size?: number;
  /** SHA-256 of its bytes: a place that checks what it stores then checks all of the way. */
  sha256?: Uint8Array;
  /** Checksums as in `StoredBlob`: without them, nobody can make up for a node that failed. */
  checksums?: Uint8Array;
}

/** Writes one blob. Whoever has one calls `commit` or `abort` in the end. */
export interface BlobWriter {
  /**
   * Appends the buffers in order. When it resolves, the caller may reuse their memory. One call at a time; awaiting
   * each is the caller's backpressure.
   */
  write(buffers: readonly Uint8Array[]): Promise<void>;
  /**
   * When it resolves, the blob is readable under its id and would survive a power cut. Rejects, and leaves no blob,
   * when fewer or more bytes were written than it is to have.
   * @returns the names of the nodes that hold the blob, at least one
   */
  commit(end?: BlobEnd): Promise<readonly string[]>;
  /** Drops what was written, a committed blob too. May be called at any time and more than once; never rejects. */
  abort(): Promise<void>;
}

/** A place for blobs: a folder, a bucket, or a set of such places. */
export interface StorageNode {
  readonly name: string;

  /**
   * Starts a new blob. Ids are never reused: an id that exists already is refused at `commit`, and the blob that was
   * there stays as it was.
   * @param size the blob's size in bytes, at least 1; `commit` may end it earlier
   * @param owner whose bytes they are: what there is little of is shared between owners
   * @throws InsufficientStorageError when there is no room, from here or from any call on the writer
   */
  create(id: string, size: number, signal?: AbortSignal, owner?: string): Promise<BlobWriter>;

  /**
   * Waits for what this process has too little of, such as memory: no fault of the place. Left out: it needs nothing.
   * @returns what gives it back; to be called when `create` has settled, which holds it for itself
   */
  prepare?(blob: ComingBlob): Promise<() => void>;

  /**
   * Yields the range's bytes in order, in buffers of any size. Each byte belongs to a block whose checksum held; at the
   * first block that can't be read or doesn't hold, it throws, having yielded all before it.
   * A yielded buffer is the caller's until it asks for the next one, then it may be overwritten.
   * When the caller stops early or `signal` aborts, reading stops and the resources are freed.
   * @param range within the blob, not empty
   */
  read(blob: StoredBlob, range: ByteRange, signal?: AbortSignal): AsyncIterable<Uint8Array>;

  /** Removes the blob. Removal of a non-existing blob isn't an error. */
  remove(blob: Pick<StoredBlob, "id" | "nodes">): Promise<void>;

  /** Every committed blob, in no order; blobs that come or go meanwhile may be missed. */
  list(): AsyncIterable<ListedBlob>;

  /** Removes what interrupted writes left behind, where it was last written to before `olderThan`. */
  removeLeftovers(olderThan: Date): Promise<void>;

  /** Rejects when the node can't take or give blobs at the moment. */
  probe(): Promise<ProbeResult>;
}

export const NODE_KINDS = ["LOCAL", "S3"] as const;
export type NodeKind = (typeof NODE_KINDS)[number];

/** The node that a place says it is: written into it when it is first used, so that an empty mount point or a foreign folder is never taken for it. */
export interface NodeIdentity {
  /** UUID of this node. */
  id: string;
  /** UUID of the deployment, that is of the database that knows its blobs. */
  deployment: string;
  /** The name under which it was first configured. */
  name: string;
}

/** A node that is one place. */
export interface PhysicalNode extends StorageNode {
  readonly kind: NodeKind;
  /** Null where nobody claimed the place, also where there is no such folder. Rejects when it can't be asked. */
  identity(): Promise<NodeIdentity | null>;
  /** Makes an unclaimed place this node; durable when it resolves. Rejects, and changes nothing, where another identity is. */
  claim(identity: NodeIdentity): Promise<void>;
  /**
   * Moves the blob's bytes out of the way, so that a good copy can be written under its id; they are kept, and neither read nor
   * listed, until `removeAside`. A blob that isn't there isn't an error.
   */
  setAside(id: string): Promise<void>;
  /** Removes what `setAside` kept of this blob. May be called when there is nothing. */
  removeAside(id: string): Promise<void>;
  /** The ids of blobs of which `setAside` keeps something, in no order, perhaps more than once. */
  listAside(): AsyncIterable<string>;
}
