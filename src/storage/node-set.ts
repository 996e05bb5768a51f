import { DataUnavailableError, ServiceUnavailableError } from "../errors.ts";
import { CorruptBlobError, MissingBlobError } from "./blob-errors.ts";
import { NodeHealth, type NodeHealthStatus, type StorageLogger } from "./node-health.ts";
import { rankNodes } from "./placement.ts";
import { nothingStored, type Replica, ReplicatedWriter } from "./replicated-writer.ts";
import type {
  BlobWriter,
  ByteRange,
  ListedBlob,
  NodeStatus,
  PhysicalNode,
  StorageNode,
  StoredBlob,
} from "./storage-node.ts";

export type DamageReason = "MISSING" | "CORRUPT" | "UNDER_REPLICATED";

export interface NodeSetOptions {
  nodes: readonly PhysicalNode[];
  /** Copies of each blob. */
  replicas: number;
  logger: StorageLogger;
  name?: string;
  /** How long the answer of a probe is good for. */
  probeMaxAgeMs?: number;
  /** Told of a replica that a read found missing or corrupt, and of a blob that was committed with too few copies. */
  onDamage?: (blobId: string, node: string, reason: DamageReason) => void;
}

/** Several nodes as one: blobs are spread over them, each in as many copies as wanted. */
export class NodeSet implements StorageNode {
  readonly name: string;
  readonly nodes: ReadonlyMap<string, PhysicalNode>;
  readonly replicas: number;
  readonly #health: ReadonlyMap<string, NodeHealth>;
  readonly #logger: StorageLogger;
  readonly #onDamage: NonNullable<NodeSetOptions["onDamage"]>;

  constructor({ nodes, replicas, logger, name = "all", probeMaxAgeMs = 10_000, onDamage = () => {} }: NodeSetOptions) {
    this.name = name;
    this.nodes = new Map(nodes.map((node) => [node.name, node]));
    this.replicas = replicas;
    this.#health = new Map(nodes.map((node) => [node.name, new NodeHealth(node, logger, probeMaxAgeMs)]));
    this.#logger = logger;
    this.#onDamage = onDamage;
    if (this.nodes.size < nodes.length) throw new RangeError("Two storage nodes have the same name");
    if (replicas < 1 || replicas > nodes.length) {
      throw new RangeError(`${nodes.length} storage nodes can't hold ${replicas} copies`);
    }
  }

  async create(id: string, size: number, signal?: AbortSignal): Promise<BlobWriter> {
    signal?.throwIfAborted();
    let order = this.#placement(id, size);
    if (order.length === 0) {
      await Promise.all(Array.from(this.#health.values(), (health) => health.probe()));
      order = this.#placement(id, size);
    }
    const started: Replica[] = [];
    const failures: unknown[] = [];
    while (started.length < this.replicas && order.length > 0) {
      const next = order.splice(0, this.replicas - started.length);
      const outcomes = await Promise.allSettled(next.map((node) => node.create(id, size, signal)));
      for (const [index, node] of next.entries()) {
        const outcome = outcomes[index] as PromiseSettledResult<BlobWriter>;
        if (outcome.status === "fulfilled") {
          started.push({ node, writer: outcome.value });
        } else if (!signal?.aborted) {
          failures.push(outcome.reason);
          this.#onFailure(id, node, outcome.reason, "create");
        }
      }
      if (signal?.aborted) {
        await Promise.all(started.map(({ writer }) => writer.abort()));
        signal.throwIfAborted();
      }
    }
    if (started.length === 0) throw nothingStored(failures);
    return this.#writer(id, size, started, signal);
  }

  async *read(blob: StoredBlob, range: ByteRange, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
    let position = range.start;
    const failures: unknown[] = [];
    for (const node of this.#holders(blob)) {
      // An error that the caller throws into the generator, as a destroyed stream does, isn't the node's.
      let callersTurn = false;
      try {
        for await (const buffer of node.read(blob, { start: position, end: range.end }, signal)) {
          position += buffer.length;
          callersTurn = true;
          yield buffer;
          callersTurn = false;
        }
        if (position === range.end) return;
        throw new Error(`The node ended the blob at byte ${position}`);
      } catch (error) {
        if (callersTurn) throw error;
        signal?.throwIfAborted();
        failures.push(error);
        this.#onFailure(blob.id, node, error, "read");
        if (error instanceof MissingBlobError) this.#onDamage(blob.id, node.name, "MISSING");
        if (error instanceof CorruptBlobError) this.#onDamage(blob.id, node.name, "CORRUPT");
      }
    }
    throw new DataUnavailableError(new AggregateError(failures, `No node could give blob ${blob.id} at ${position}`));
  }

  /** A node that isn't configured any more is passed over: its blobs are orphans, should it come back. */
  async remove(blob: Pick<StoredBlob, "id" | "nodes">): Promise<void> {
    await everyOne(this.#named(blob), (node) => node.remove(blob));
  }

  /** A blob is listed once for each node that holds it. */
  async *list(): AsyncGenerator<ListedBlob, void, void> {
    for (const node of this.nodes.values()) yield* node.list();
  }

  async removeLeftovers(olderThan: Date): Promise<void> {
    await everyOne([...this.nodes.values()], (node) => node.removeLeftovers(olderThan));
  }

  /** Resolves when at least one node can take blobs. */
  async probe(): Promise<NodeStatus> {
    const all = await Promise.all(Array.from(this.#health.values(), (health) => health.probe()));
    const up = all.filter((status) => status.up);
    if (up.length === 0) {
      const errors = all.map((status) => status.error);
      throw new ServiceUnavailableError(undefined, new AggregateError(errors, "All storage nodes are down"));
    }
    const known = up.flatMap(({ freeBytes }) => freeBytes ?? []);
    return { freeBytes: known.length === up.length ? known.reduce((sum, bytes) => sum + bytes, 0) : null };
  }

  /** Each node as its last probe found it, a few seconds ago at most. */
  async status(): Promise<NodeHealthStatus[]> {
    return await Promise.all(Array.from(this.#health.values(), (health) => health.recent()));
  }

  /** The nodes that may take a copy of the blob, the preferred first, those without room for it last. */
  place(id: string, size: number, except: ReadonlySet<string>): PhysicalNode[] {
    return this.#placement(id, size).filter(({ name }) => !except.has(name));
  }

  /** The nodes that are up, the preferred first, those without room for the blob last. */
  #placement(id: string, size: number): PhysicalNode[] {
    const up = Array.from(this.#health.values(), ({ latest }) => latest).filter((status) => status.up);
    // A node that can't tell its room, such as a bucket, counts as much as the emptiest that can.
    const most = Math.max(1, ...up.map(({ freeBytes }) => freeBytes ?? 0));
    const weighted = up.map(({ name, freeBytes }) => {
      const weight = freeBytes ?? most;
      return { name, weight: weight < size && freeBytes !== null ? 0 : weight };
    });
    return rankNodes(id, weighted).flatMap((name) => this.nodes.get(name) ?? []);
  }

  #writer(id: string, size: number, started: readonly Replica[], signal?: AbortSignal): BlobWriter {
    const target = {
      id,
      size,
      signal,
      replicas: this.replicas,
      source: this,
      spares: (except: ReadonlySet<string>) => this.place(id, size, except),
      onFailure: (node: StorageNode, error: unknown, what: string) => this.#onFailure(id, node, error, what),
      onTooFew: (copies: number) => {
        this.#logger.warn({ blob: id, copies, wanted: this.replicas }, "Blob has fewer copies than wanted");
        this.#onDamage(id, this.name, "UNDER_REPLICATED");
      },
    };
    return new ReplicatedWriter(target, started);
  }

  #onFailure(blob: string, node: StorageNode, error: unknown, what: string): void {
    this.#logger.error({ blob, node: node.name, err: error }, `Storage node failed: ${what}`);
    this.#health.get(node.name)?.fail();
  }

  #named({ id, nodes }: Pick<StoredBlob, "id" | "nodes">): StorageNode[] {
    return nodes.flatMap((name) => {
      const node = this.nodes.get(name);
      if (node === undefined) this.#logger.warn({ blob: id, node: name }, "Blob is on a node that isn't configured");
      return node ?? [];
    });
  }

  /** In random order, for the load; those known to be down last. */
  #holders(blob: StoredBlob): StorageNode[] {
    return this.#named(blob)
      .map((node) => ({ node, turn: Math.random() + (this.#health.get(node.name)?.latest.up ? 0 : 1) }))
      .sort((a, b) => a.turn - b.turn)
      .map(({ node }) => node);
  }
}

/** Does all of them, whether or not some fail, and then rejects if some did. */
async function everyOne(nodes: readonly StorageNode[], step: (node: StorageNode) => Promise<void>): Promise<void> {
  const outcomes = await Promise.allSettled(nodes.map(step));
  const errors = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : []));
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, `${errors.length} storage nodes failed`);
}
