import { DataUnavailableError, ServiceUnavailableError } from "../../errors.ts";
import { CorruptBlobError, MissingBlobError } from "../blob-errors.ts";
import type { NodeReport } from "../node-report.ts";
import { whenPrepared } from "../preparation.ts";
import type {
  BlobWriter,
  ByteRange,
  ListedBlob,
  PhysicalNode,
  ProbeResult,
  StorageNode,
  StoredBlob,
} from "../storage-node.ts";
import { everyOne } from "./every-one.ts";
import { inTime, NodeTimeoutError, type StepLimits, settleInTime } from "./in-time.ts";
import { NodeHealth, type StorageLogger } from "./node-health.ts";
import { rankNodes } from "./placement.ts";
import { nothingStored, type OpenCopy, ReplicatedWriter, type WriterHost } from "./replicated-writer.ts";

type DamageReason = "MISSING" | "CORRUPT" | "UNDER_REPLICATED";

export interface NodeSetOptions {
  nodes: readonly PhysicalNode[];
  /** Copies of each blob. */
  replicas: number;
  /** Copies without which a write is refused; null for as many as can be had, at least one. */
  writeQuorum?: number | null;
  logger: StorageLogger;
  /** Milliseconds that a node may take for a step, such as the next buffer, before another takes its place. */
  nodeTimeoutMs?: number;
  /** How long the answer of a probe is good for. */
  probeMaxAgeMs?: number;
  /** Called before each probe of a node: rejects when the place is not the node that it should be. */
  admit?: (node: PhysicalNode) => Promise<void>;
  /**
   * Called when a read finds a copy missing or corrupt on a node that is up, and when a write ends with fewer copies than
   * wanted; then the blob's row isn't there yet. The same damage may be told again.
   */
  onDamage?: (blobId: string, reason: DamageReason) => void;
  /** Whether anybody may still ask for the blob: a read that finds it gone is no failure where nobody may. */
  isWanted?: (blobId: string) => Promise<boolean>;
  /** Called when a node takes blobs, at first or again. */
  onReturn?: () => void;
}

/** Part of the timeout that the other copies get once the write quorum is reached. */
const GRACE = 0.1;
const LONGEST_PROBE_MS = 5_000;

/** Several nodes as one: blobs are spread over them, each in as many copies as wanted. */
export class NodeSet implements StorageNode {
  readonly name = "all";
  readonly nodes: ReadonlyMap<string, PhysicalNode>;
  readonly replicas: number;
  readonly #quorum: number | null;
  /** Milliseconds that a node may take for a step. */
  readonly timeoutMs: number;
  readonly #health: ReadonlyMap<string, NodeHealth>;
  readonly #logger: StorageLogger;
  readonly #onDamage: NonNullable<NodeSetOptions["onDamage"]>;
  readonly #isWanted: NonNullable<NodeSetOptions["isWanted"]>;
  readonly #host: WriterHost;
  /** Whether the last blob got fewer copies than wanted. */
  #isShort = false;
  readonly #unknownNodes = new Set<string>();

  constructor(options: NodeSetOptions) {
    const { nodes, replicas, logger, writeQuorum = null, probeMaxAgeMs = 10_000, admit = async () => {} } = options;
    this.nodes = new Map(nodes.map((node) => [node.name, node]));
    this.replicas = replicas;
    this.#quorum = writeQuorum;
    this.timeoutMs = options.nodeTimeoutMs ?? 30_000;
    const probeTimeoutMs = Math.min(LONGEST_PROBE_MS, this.timeoutMs);
    const health = { logger, probeMaxAgeMs, probeTimeoutMs, admit, onReturn: options.onReturn ?? (() => {}) };
    this.#health = new Map(nodes.map((node) => [node.name, new NodeHealth(node, health)]));
    this.#logger = logger;
    this.#onDamage = options.onDamage ?? (() => {});
    this.#isWanted = options.isWanted ?? (async () => true);
    this.#host = {
      replicas,
      quorum: writeQuorum,
      patience: this.#patience(0),
      read: (...reading) => this.read(...reading),
      candidates: (...asked) => this.candidates(...asked),
      hasRoom: (...asking) => this.#hasRoom(...asking),
      failed: (...failure) => this.#onFailure(...failure),
      stored: (...copies) => this.#onCopies(...copies),
    };
    if (this.nodes.size < nodes.length) throw new RangeError("Two storage nodes have the same name");
    if (replicas < 1 || replicas > nodes.length) {
      throw new RangeError(`${nodes.length} storage nodes can't hold ${replicas} copies`);
    }
    if (writeQuorum !== null && (writeQuorum < 1 || writeQuorum > replicas)) {
      throw new RangeError(`A write quorum of ${writeQuorum} doesn't fit ${replicas} copies`);
    }
  }

  async create(id: string, size: number, signal?: AbortSignal, owner?: string): Promise<BlobWriter> {
    signal?.throwIfAborted();
    let order = this.#ranked(id, size);
    if (order.length === 0) {
      await Promise.all(Array.from(this.#health.values(), (health) => health.probe()));
      order = this.#ranked(id, size);
    }
    const started: OpenCopy[] = [];
    const giveUp = async (error: unknown) => {
      await Promise.all(started.map(({ writer }) => writer.abort()));
      throw error;
    };
    const failures: unknown[] = [];
    while (started.length < this.replicas && order.length > 0) {
      const next = order.splice(0, this.replicas - started.length);
      for (const { name } of next) this.#health.get(name)?.reserve(size);
      let creating: Promise<BlobWriter>[] = [];
      const begin = () => {
        creating = next.map((node) => node.create(id, size, signal));
        return settleInTime(creating, this.#patience(started.length));
      };
      const outcomes = await whenPrepared(next, { id, size, owner, signal }, begin).catch(giveUp);
      for (const [index, node] of next.entries()) {
        const outcome = outcomes[index] as PromiseSettledResult<BlobWriter>;
        if (outcome.status === "fulfilled") {
          started.push({ node, writer: outcome.value });
          continue;
        }
        // It may still come, too late.
        creating[index]?.then((writer) => writer.abort()).catch(() => {});
        if (signal?.aborted) continue;
        failures.push(outcome.reason);
        this.#onFailure(id, node, outcome.reason, "create");
      }
      if (signal?.aborted) await giveUp(signal.reason);
    }
    if (started.length < (this.#quorum ?? 1)) await giveUp(nothingStored(failures, false));
    return new ReplicatedWriter(this.#host, { id, size, signal }, started, failures);
  }

  async *read(blob: StoredBlob, range: ByteRange, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
    let position = range.start;
    const failures: unknown[] = [];
    for (const node of this.#holders(blob)) {
      const reading = node.read(blob, { start: position, end: range.end }, signal)[Symbol.asyncIterator]();
      // An error that the caller throws into the generator, as a destroyed stream does, isn't the node's.
      let callersTurn = false;
      let isStalled = false;
      try {
        for (;;) {
          const { done, value } = await inTime(reading.next(), this.timeoutMs);
          if (done) break;
          position += value.length;
          callersTurn = true;
          yield value;
          callersTurn = false;
        }
        if (position === range.end) return;
        throw new Error(`The node ended the blob at byte ${position}`);
      } catch (error) {
        if (callersTurn) throw error;
        signal?.throwIfAborted();
        isStalled = error instanceof NodeTimeoutError;
        failures.push(error);
        if (!(error instanceof MissingBlobError) || (await this.#isWanted(blob.id).catch(() => true))) {
          this.#onFailure(blob.id, node, error, "read");
        }
      } finally {
        // Frees its resources; one that stalls does so when it goes on.
        const closing = reading.return?.().catch(() => {});
        if (!isStalled) await closing;
      }
    }
    throw new DataUnavailableError(new AggregateError(failures, `No node could give blob ${blob.id} at ${position}`));
  }

  /** A node that isn't configured any more is passed over: its blobs are orphans, should it come back. */
  async remove(blob: Pick<StoredBlob, "id" | "nodes">): Promise<void> {
    await everyOne(this.#named(blob), async (node) => {
      // One that is known to be down would make its caller wait for nothing.
      if (this.#health.get(node.name)?.latest.state === "DOWN") {
        throw new ServiceUnavailableError(`${node.name} is down`);
      }
      await inTime(node.remove(blob), this.timeoutMs);
    });
  }

  /** A blob is listed once for each node that holds it. */
  async *list(): AsyncGenerator<ListedBlob, void, void> {
    for (const node of this.nodes.values()) yield* node.list();
  }

  async removeLeftovers(olderThan: Date): Promise<void> {
    const up = [...this.nodes.values()].filter(({ name }) => this.#health.get(name)?.isUp);
    await everyOne(up, (node) => node.removeLeftovers(olderThan));
  }

  /** Resolves when at least one node can take blobs. */
  async probe(): Promise<ProbeResult> {
    const all = await Promise.all(Array.from(this.#health.values(), (health) => health.probe()));
    const up = all.filter(({ state }) => state === "UP");
    if (up.length === 0) {
      const errors = all.flatMap(({ error }) => error ?? []);
      throw new ServiceUnavailableError(undefined, new AggregateError(errors, "No storage node takes blobs"));
    }
    const known = up.flatMap(({ freeBytes }) => freeBytes ?? []);
    return { freeBytes: known.length === up.length ? known.reduce((sum, bytes) => sum + bytes, 0) : null };
  }

  /**
   * Probes the nodes whose time it is, so that what happens to them is noticed also while nobody asks for them.
   * @param anyway the names of those that are probed in any case
   */
  async probeDue(anyway: readonly string[] = []): Promise<void> {
    const due = Array.from(this.#health).filter(([name, health]) => health.isProbeDue || anyway.includes(name));
    await Promise.all(due.map(([, health]) => health.probe()));
  }

  /** Lets these nodes, and no others, take no new blobs from now on. Names of nodes that there aren't are passed over. */
  setDraining(names: Iterable<string>): void {
    const draining = new Set(names);
    for (const [name, health] of this.#health) health.setDraining(draining.has(name));
  }

  /** Each node as its last probe found it, a few seconds ago at most. */
  async reports(): Promise<NodeReport[]> {
    return await Promise.all(Array.from(this.#health.values(), (health) => health.recent()));
  }

  /** The nodes that may take a copy of the blob, none of those named: the preferred first, those without room last. */
  candidates(id: string, size: number, except: ReadonlySet<string>): PhysicalNode[] {
    return this.#ranked(id, size).filter(({ name }) => !except.has(name));
  }

  /** The nodes that take blobs, the preferred first, those without room or in doubt last. */
  #ranked(id: string, size: number): PhysicalNode[] {
    const open = Array.from(this.#health.values())
      .map((health) => ({ health, ...health.latest }))
      .filter(({ state }) => state === "UP");
    // A node that can't tell its room, such as a bucket, counts as much as the emptiest that can.
    const most = Math.max(1, ...open.map(({ freeBytes }) => freeBytes ?? 0));
    const weighted = open.map(({ name, freeBytes, health }) => {
      const isPreferred = !health.isDistrusted && (freeBytes === null || freeBytes >= size);
      return { name, weight: isPreferred ? (freeBytes ?? most) : 0 };
    });
    return rankNodes(id, weighted).flatMap((name) => this.nodes.get(name) ?? []);
  }

  #hasRoom(size: number, except: ReadonlySet<string>): boolean {
    return Array.from(this.#health.values()).some((health) => {
      const { name, state } = health.latest;
      return !except.has(name) && state === "UP" && health.hasRoomFor(size);
    });
  }

  #patience(have: number): StepLimits {
    const enough = (this.#quorum ?? this.replicas) - have;
    return { timeoutMs: this.timeoutMs, enough, graceMs: this.timeoutMs * GRACE };
  }

  #onFailure(blob: string, node: PhysicalNode, error: unknown, what: "create" | "write" | "commit" | "copy" | "read") {
    const failed = this.#health.get(node.name)?.fail(error, blob, what);
    const reason = error instanceof CorruptBlobError ? "CORRUPT" : error instanceof MissingBlobError ? "MISSING" : null;
    // A disk that was unmounted hasn't lost its blobs: it is down, then.
    if (reason !== null) void failed?.then((isUp) => isUp && this.#onDamage(blob, reason));
  }

  #onCopies(blob: string, copies: number): void {
    const isShort = copies < this.replicas;
    if (isShort) this.#onDamage(blob, "UNDER_REPLICATED");
    if (isShort === this.#isShort) return;
    this.#isShort = isShort;
    const message = isShort ? "Blob has fewer copies than wanted" : "Blobs have as many copies as wanted again";
    this.#logger.warn({ blob, copies, wanted: this.replicas }, message);
  }

  #named({ id, nodes }: Pick<StoredBlob, "id" | "nodes">): PhysicalNode[] {
    return nodes.flatMap((name) => {
      const node = this.nodes.get(name);
      if (node === undefined && !this.#unknownNodes.has(name)) {
        this.#unknownNodes.add(name);
        this.#logger.warn({ blob: id, node: name }, "Blob is on a node that isn't configured");
      }
      return node ?? [];
    });
  }

  /** Nodes that hold the blob, in random order for the load; those known to be down last. */
  #holders(blob: StoredBlob): PhysicalNode[] {
    return this.#named(blob)
      .map((node) => ({ node, turn: Math.random() + (this.#health.get(node.name)?.latest.state === "DOWN" ? 1 : 0) }))
      .sort((a, b) => a.turn - b.turn)
      .map(({ node }) => node);
  }
}
