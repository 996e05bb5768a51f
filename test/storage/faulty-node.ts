import type {
  BlobWriter,
  ByteRange,
  ListedBlob,
  NodeStatus,
  StorageNode,
  StoredBlob,
} from "../../src/storage/storage-node.ts";

/** A node whose disk fails when told so. Everything else goes to the node within. */
export class FaultyNode implements StorageNode {
  readonly name: string;
  readonly #inner: StorageNode;
  /** The error of each call from now on. */
  fail: Partial<Record<"create" | "write" | "commit" | "read" | "remove" | "list" | "probe", Error>> = {};
  /** Bytes that a read yields before it fails, and a write takes before. */
  failAfter = 0;
  freeBytes: number | null | undefined;
  readonly calls: string[] = [];

  constructor(inner: StorageNode) {
    this.name = inner.name;
    this.#inner = inner;
  }

  async create(id: string, size: number, signal?: AbortSignal): Promise<BlobWriter> {
    this.calls.push("create");
    if (this.fail.create) throw this.fail.create;
    const writer = await this.#inner.create(id, size, signal);
    let written = 0;
    return {
      write: async (buffers) => {
        for (const buffer of buffers) written += buffer.length;
        if (this.fail.write && written > this.failAfter) throw this.fail.write;
        await writer.write(buffers);
      },
      commit: async (size) => {
        if (this.fail.commit) throw this.fail.commit;
        return await writer.commit(size);
      },
      abort: async () => {
        this.calls.push("abort");
        await writer.abort();
      },
    };
  }

  async *read(blob: StoredBlob, range: ByteRange, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    this.calls.push("read");
    let left = this.fail.read ? this.failAfter : Number.POSITIVE_INFINITY;
    for await (const buffer of this.#inner.read(blob, range, signal)) {
      if (buffer.length > left) {
        if (left > 0) yield buffer.subarray(0, left);
        throw this.fail.read;
      }
      left -= buffer.length;
      yield buffer;
    }
  }

  async remove(blob: Pick<StoredBlob, "id" | "nodes">): Promise<void> {
    if (this.fail.remove) throw this.fail.remove;
    await this.#inner.remove(blob);
  }

  async *list(): AsyncGenerator<ListedBlob> {
    if (this.fail.list) throw this.fail.list;
    yield* this.#inner.list();
  }

  async removeLeftovers(olderThan: Date): Promise<void> {
    await this.#inner.removeLeftovers(olderThan);
  }

  async probe(): Promise<NodeStatus> {
    this.calls.push("probe");
    if (this.fail.probe) throw this.fail.probe;
    return this.freeBytes === undefined ? await this.#inner.probe() : { freeBytes: this.freeBytes };
  }
}
