import type {
  BlobWriter,
  ByteRange,
  ListedBlob,
  NodeIdentity,
  PhysicalNode,
  ProbeResult,
  StoredBlob,
} from "../../src/storage/storage-node.ts";

type Call = "create" | "write" | "commit" | "read" | "remove" | "list" | "probe";

/** A node whose disk fails or stalls when told so. Everything else goes to the node within. */
export class FaultyNode implements PhysicalNode {
  readonly name: string;
  readonly kind = "LOCAL";
  readonly #inner: PhysicalNode;
  /** The error of each call from now on. */
  fail: Partial<Record<Call, Error>> = {};
  /** Calls that don't go on before `letGo`. */
  readonly stall = new Set<Call>();
  /** Bytes that a read yields before it fails or stalls, and a write takes before. */
  failAfter = 0;
  #letGo: () => void = () => {};
  readonly #going = new Promise<void>((resolve) => {
    this.#letGo = resolve;
  });
  freeBytes: number | null | undefined;
  readonly calls: string[] = [];

  constructor(inner: PhysicalNode) {
    this.name = inner.name;
    this.#inner = inner;
  }

  /** Ends all stalling, for good. */
  letGo(): void {
    this.stall.clear();
    this.#letGo();
  }

  async #stall(call: Call): Promise<void> {
    if (this.stall.has(call)) await this.#going;
  }

  async create(id: string, size: number, signal?: AbortSignal): Promise<BlobWriter> {
    this.calls.push("create");
    if (this.fail.create) throw this.fail.create;
    await this.#stall("create");
    const writer = await this.#inner.create(id, size, signal);
    let written = 0;
    return {
      write: async (buffers) => {
        for (const buffer of buffers) written += buffer.length;
        if (this.fail.write && written > this.failAfter) throw this.fail.write;
        if (written > this.failAfter) await this.#stall("write");
        await writer.write(buffers);
      },
      commit: async (...written) => {
        if (this.fail.commit) throw this.fail.commit;
        await this.#stall("commit");
        return await writer.commit(...written);
      },
      abort: async () => {
        this.calls.push("abort");
        await writer.abort();
      },
    };
  }

  async *read(blob: StoredBlob, range: ByteRange, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    this.calls.push("read");
    let left = this.fail.read || this.stall.has("read") ? this.failAfter : Number.POSITIVE_INFINITY;
    for await (const buffer of this.#inner.read(blob, range, signal)) {
      if (buffer.length > left) {
        if (left > 0) yield buffer.subarray(0, left);
        if (this.fail.read) throw this.fail.read;
        await this.#stall("read");
        throw new Error("too late");
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

  async probe(): Promise<ProbeResult> {
    this.calls.push("probe");
    if (this.fail.probe) throw this.fail.probe;
    await this.#stall("probe");
    return this.freeBytes === undefined ? await this.#inner.probe() : { freeBytes: this.freeBytes };
  }

  identity(): Promise<NodeIdentity | null> {
    return this.#inner.identity();
  }

  claim(identity: NodeIdentity): Promise<void> {
    return this.#inner.claim(identity);
  }

  setAside(id: string): Promise<void> {
    this.calls.push("setAside");
    return this.#inner.setAside(id);
  }

  removeAside(id: string): Promise<void> {
    return this.#inner.removeAside(id);
  }

  listAside(): AsyncIterable<string> {
    return this.#inner.listAside();
  }
}
