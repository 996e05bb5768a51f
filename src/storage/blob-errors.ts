import { ServiceUnavailableError } from "../errors.ts";

/** A node's copy of a blob isn't what was stored: a checksum doesn't hold, the length is wrong, or the disk can't read it. */
export class CorruptBlobError extends Error {
  readonly blobId: string;
  readonly node: string;
  /** Zero-based: the first block that is bad; null where that isn't known. */
  readonly block: number | null;

  constructor(blobId: string, node: string, block: number | null, what: string, cause?: unknown) {
    super(`Blob ${blobId} on ${node} is corrupt: ${what}`, { cause });
    this.name = new.target.name;
    this.blobId = blobId;
    this.node = node;
    this.block = block;
  }
}

/** The node answers, but has no such blob. */
export class MissingBlobError extends Error {
  readonly blobId: string;
  readonly node: string;

  constructor(blobId: string, node: string, cause?: unknown) {
    super(`Blob ${blobId} is missing on ${node}`, { cause });
    this.name = new.target.name;
    this.blobId = blobId;
    this.node = node;
  }
}

/** The id is taken on this node already; the blob that is there was left as it was. */
export class BlobExistsError extends Error {
  readonly blobId: string;
  readonly node: string;

  constructor(blobId: string, node: string, cause?: unknown) {
    super(`Blob ${blobId} exists already on ${node}`, { cause });
    this.name = new.target.name;
    this.blobId = blobId;
    this.node = node;
  }
}

/** A writer got more or fewer bytes than were announced when it was created. */
export class WrongByteCountError extends Error {
  readonly expected: number;
  readonly received: number;

  constructor(expected: number, received: number) {
    super(`${expected} bytes were announced, ${received} came`);
    this.name = new.target.name;
    this.expected = expected;
    this.received = received;
  }
}

/** The memory of a blob whose bytes came too slowly was needed for others. Nothing of the blob is left. */
export class SlowSenderError extends ServiceUnavailableError {
  constructor() {
    super("These bytes came too slowly while others waited for the memory that they need. Send them again.");
  }
}
