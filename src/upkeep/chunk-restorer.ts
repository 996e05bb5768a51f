import type { Database } from "../database/database.ts";
import { findChunk, isWanted, type KnownChunk } from "../metadata/chunks.ts";
import { dropReplicas, insertReplicas, lockReplicas } from "../metadata/replicas.ts";
import { BlobExistsError } from "../storage/blob-errors.ts";
import { copyBlob } from "../storage/cluster/copy-blob.ts";
import type { PhysicalNode } from "../storage/storage-node.ts";
import type { HeldLease } from "./leases.ts";
import type { NodePool } from "./node-pool.ts";
import type { RateLimiter } from "./rate-limiter.ts";
import type { UpkeepContext } from "./upkeep-context.ts";
import type { UpkeepLogger } from "./upkeep-logger.ts";
import { type CopyState, DigestChecked, verifyCopy } from "./verify-copy.ts";

/**
 * RESTORED: there are as many verified copies as wanted, and no others. SHORT: fewer, for want of nodes that take one.
 * UNRESTORABLE: no good copy could be read; nothing was touched. GONE: nobody can ask for the chunk any more.
 */
export type RestoreOutcome = "RESTORED" | "SHORT" | "UNRESTORABLE" | "GONE";

interface RestoreOptions {
  /** Nodes that shall not hold it in the end. */
  leave?: ReadonlySet<string>;
  /** Nodes that get new copies first. */
  prefer?: readonly string[];
}

/** AWAY: the node isn't configured, or doesn't answer. */
type State = CopyState | "AWAY";

/**
 * Brings the copies of single chunks in order. It is the only one that adds copies to chunks and takes them away, and
 * only one process may do so at a time: all of it happens under one lease. Each step leaves at least as many good copies
 * as there were, so that it may stop anywhere, and the same work again carries on.
 */
export class ChunkRestorer {
  readonly #database: Database;
  readonly #pool: NodePool;
  readonly #rate: RateLimiter;
  readonly #log: UpkeepLogger;

  constructor({ database, pool, log }: Pick<UpkeepContext, "database" | "pool" | "log">, rate: RateLimiter) {
    this.#database = database;
    this.#pool = pool;
    this.#rate = rate;
    this.#log = log;
  }

  /** @throws what the database throws; LeaseLostError; the reason of the lease's signal */
  async restore(id: string, lease: HeldLease, options: RestoreOptions = {}): Promise<RestoreOutcome> {
    const usable = await this.#pool.usable();
    const up = new Map(usable.flatMap(({ name }) => asEntry(this.#pool.nodes.get(name))));
    const chunk = await this.#database.read((em) => findChunk(em, id));
    if (chunk === null) {
      await this.#tidy(id, up.values(), (node) => node.removeAside(id));
      const away = [...(options.leave ?? [])].filter((name) => !up.has(name));
      await this.#forgetCopies(id, away, lease);
      return "GONE";
    }
    await this.#rate.take(chunk.size, lease.signal);
    const states = await this.#verify(chunk, up, lease.signal);
    const good = chunk.nodes.filter((name) => states.get(name) === "GOOD");
    const source = up.get(good[0] ?? "");
    if (source === undefined) {
      if (!(await this.#database.read((em) => isWanted(em, id)))) return "GONE";
      this.#log.error({ chunk: id, copies: Object.fromEntries(states) }, "no good copy of a chunk can be read");
      return "UNRESTORABLE";
    }
    const leave = new Set([
      ...(options.leave ?? []),
      ...usable.flatMap((node) => (node.state === "DRAINING" ? node.name : [])),
    ]);
    const kept = good.filter((name) => !leave.has(name));
    for (const target of this.#targets(chunk, states, up, leave, options.prefer ?? [])) {
      if (kept.length >= this.#pool.replicas) break;
      const outcome = await this.#copy(chunk, source, target, states.get(target.name), lease);
      if (outcome === "GONE") return "GONE";
      if (outcome === "COPIED") kept.push(target.name);
    }
    if (kept.length < this.#pool.replicas) return "SHORT";
    return await this.#letGo(chunk, this.#best(chunk, kept), up, lease);
  }

  async #verify(chunk: KnownChunk, up: ReadonlyMap<string, PhysicalNode>, signal: AbortSignal) {
    const states = new Map<string, State>();
    for (const name of chunk.nodes) {
      const node = up.get(name);
      states.set(name, node === undefined ? "AWAY" : await verifyCopy(node, chunk, signal, this.#pool.timeoutMs));
    }
    return states;
  }

  /** Nodes that copies may go to: first where a bad one is to be replaced, then to nodes that have none. */
  #targets(
    { id, size, nodes }: KnownChunk,
    states: ReadonlyMap<string, State>,
    up: ReadonlyMap<string, PhysicalNode>,
    leave: ReadonlySet<string>,
    prefer: readonly string[],
  ): PhysicalNode[] {
    const isBad = (name: string) => states.get(name) === "MISSING" || states.get(name) === "CORRUPT";
    const inPlace = nodes.filter((name) => isBad(name) && !leave.has(name)).flatMap((name) => up.get(name) ?? []);
    const spares = this.#pool.candidates(id, size, new Set([...nodes, ...leave]));
    const preferred = prefer.flatMap((name) => spares.find((node) => node.name === name) ?? []);
    return [...new Set([...inPlace, ...preferred, ...spares])];
  }

  /** When it resolves with COPIED, the copy is durable and its row committed. */
  async #copy(
    chunk: KnownChunk,
    source: PhysicalNode,
    target: PhysicalNode,
    state: State | undefined,
    { signal, check }: HeldLease,
  ): Promise<"COPIED" | "FAILED" | "GONE"> {
    const { id } = chunk;
    try {
      if (state === "CORRUPT") await target.setAside(id);
      await this.#write(chunk, source, target, signal);
    } catch (error) {
      signal.throwIfAborted();
      this.#log.warn({ chunk: id, node: target.name, err: error }, "a copy could not be made");
      return "FAILED";
    }
    // When this fails, the copy stays: the row may be there. If it is not, the next attempt finds the copy.
    const added = await this.#database.transaction(async (em) => {
      const present = await lockReplicas(em, id);
      await check(em);
      if (!(await isWanted(em, id))) return false;
      if (!present.has(target.name)) await insertReplicas(em, [{ id, nodes: [target.name] }]);
      return true;
    });
    if (added) return "COPIED";
    await target.remove({ id, nodes: [target.name] });
    await target.removeAside(id);
    return "GONE";
  }

  async #write(chunk: KnownChunk, source: PhysicalNode, target: PhysicalNode, signal: AbortSignal): Promise<void> {
    const checked = new DigestChecked(source, chunk.sha256);
    const copy = () => copyBlob(chunk, checked, target, signal, this.#pool.timeoutMs);
    try {
      await copy();
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof BlobExistsError) {
        // Copied before, and something ended before its row was there.
        if ((await verifyCopy(target, chunk, signal, this.#pool.timeoutMs)) === "GOOD") return;
        await target.setAside(chunk.id);
      }
      // Else perhaps somebody removed a folder that the node thinks is there: it knows now.
      await copy();
    }
  }

  /** The copies that stay where there are too many: by placement, as a new chunk would lie. */
  #best({ id, size }: KnownChunk, kept: readonly string[]): string[] {
    if (kept.length === this.#pool.replicas) return [...kept];
    const order = this.#pool.candidates(id, size, new Set()).map(({ name }) => name);
    const rank = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);
    return [...kept].sort((a, b) => rank(a) - rank(b)).slice(0, this.#pool.replicas);
  }

  /** Drops the rows of a chunk that is being freed on nodes that are away: its freeing would wait for them. */
  async #forgetCopies(id: string, nodes: readonly string[], lease: HeldLease): Promise<void> {
    if (nodes.length === 0) return;
    await this.#database.transaction(async (em) => {
      await lockReplicas(em, id);
      await lease.check(em);
      if (!(await isWanted(em, id))) await dropReplicas(em, id, nodes);
    });
  }

  /** Rows go before their blobs: a blob without a row does no harm, a row without a blob is a copy less. */
  async #letGo(
    chunk: KnownChunk,
    kept: readonly string[],
    up: ReadonlyMap<string, PhysicalNode>,
    lease: HeldLease,
  ): Promise<"RESTORED" | "GONE"> {
    const { id } = chunk;
    lease.signal.throwIfAborted();
    const isKept = await this.#database.transaction(async (em) => {
      const present = await lockReplicas(em, id);
      await lease.check(em);
      if (!(await isWanted(em, id))) return false;
      if (!kept.every((name) => present.has(name))) throw new Error(`The replicas of chunk ${id} changed meanwhile`);
      const others = [...present].filter((name) => !kept.includes(name));
      await dropReplicas(em, id, others);
      return true;
    });
    if (!isKept) return "GONE";
    await this.#tidy(id, up.values(), async (node) => {
      if (!kept.includes(node.name)) await node.remove({ id, nodes: [node.name] });
      await node.removeAside(id);
    });
    return "RESTORED";
  }

  /** What is left behind where this fails does no harm. */
  async #tidy(id: string, nodes: Iterable<PhysicalNode>, step: (node: PhysicalNode) => Promise<void>): Promise<void> {
    for (const node of nodes) {
      await step(node).catch((error: unknown) =>
        this.#log.warn({ chunk: id, node: node.name, err: error }, "what isn't needed any more could not be removed"),
      );
    }
  }
}

function asEntry(node: PhysicalNode | undefined): [string, PhysicalNode][] {
  return node === undefined ? [] : [[node.name, node]];
}
