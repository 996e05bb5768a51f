import pLimit from "p-limit";
import { chunksOnNode, countOn, isAnyOn } from "../metadata/replicas.ts";
import type { ChunkRestorer, RestoreOutcome } from "./chunk-restorer.ts";
import { CopiesTurn } from "./copies-turn.ts";
import type { HeldLease, WaitOptions } from "./leases.ts";
import { CHUNKS_AT_ONCE, COPIES_LEASE } from "./repairer.ts";
import type { UpkeepContext } from "./upkeep-context.ts";

const LEASE = "drain";
const BATCH = 100;
/** Nodes that may take the rest, or the only good copy, may be back by then; each attempt reads what it can't move. */
const RETRY_FAILED_MS = 10 * 60_000;

export interface DrainProgress {
  /** Chunks that were on the node at the start. */
  total: number;
  moved: number;
  /** Chunks that could not be moved, as there was no good copy or no node to take one. */
  failed: number;
}

interface DrainOptions extends WaitOptions {
  onProgress?: (progress: DrainProgress) => void;
  /** Asked before each batch: the node is left alone as soon as it doesn't drain any more. */
  isDraining?: () => Promise<boolean>;
  /** Called for each chunk that could not be moved. */
  onFailed?: (id: string, outcome: RestoreOutcome) => void;
}

/** Empties nodes that are to be taken away, one process at a time. */
export class Drainer {
  readonly #context: UpkeepContext;
  readonly #restorer: ChunkRestorer;
  /** When a node is tried again of which some chunks could not be moved. */
  readonly #retryAt = new Map<string, number>();

  constructor(context: UpkeepContext, restorer: ChunkRestorer) {
    this.#context = context;
    this.#restorer = restorer;
  }

  /** Counts the chunks that the node has by the rows. */
  left(name: string): Promise<number> {
    return countOn(this.#context.database, name);
  }

  #hasAny(name: string): Promise<boolean> {
    return this.#context.database.read((em) => isAnyOn(em, name));
  }

  /** Moves off what is left on these nodes, unless another process does. */
  async run(names: readonly string[], signal: AbortSignal): Promise<void> {
    for (const name of names) {
      if ((this.#retryAt.get(name) ?? 0) > performance.now()) continue;
      if (!signal.aborted && (await this.#hasAny(name))) await this.#run(name, signal);
    }
  }

  async #run(name: string, signal: AbortSignal): Promise<void> {
    await this.#context.leases.hold(
      LEASE,
      async (lease) => {
        const isDraining = () => this.isDraining(name);
        const drain = { signal: lease.signal, isDraining };
        const progress = await this.#drain(name, drain);
        if (progress.moved > 0) {
          this.#context.log.info({ node: name, ...progress }, "chunks were moved off a draining node");
        }
        if (progress.failed === 0) return;
        this.#context.log.error({ node: name, ...progress }, "chunks could not be moved off a draining node");
        this.#retryAt.set(name, performance.now() + RETRY_FAILED_MS);
      },
      { signal },
    );
  }

  /** Asks the database: what a process knows of it may be some seconds old. A node that isn't known any more has gone for good. */
  async isDraining(name: string): Promise<boolean> {
    const [row] = await this.#context.database.read((em) =>
      em.execute<{ draining: number }[]>("select draining from storage_nodes where name = ?", [name]),
    );
    return row === undefined || Number(row.draining) === 1;
  }

  /**
   * Moves every chunk's copy off a node, verified, so that it can be taken away; waits while another process drains. The node,
   * which may be dead, should take no new chunks by then. What is done is done: the next call goes on with what is left.
   * @returns when no row names the node any more, or one attempt at all of them left some: `failed` then
   */
  async drainNode(name: string, { signal, onWait, ...options }: DrainOptions = {}): Promise<DrainProgress> {
    let progress: DrainProgress | undefined;
    const waiting = { signal, onWait };
    await this.#context.leases.wait(
      LEASE,
      async (lease) => {
        const isDraining = () => this.isDraining(name);
        const drain = { isDraining, ...options, ...waiting, signal: lease.signal };
        progress = await this.#drain(name, drain);
      },
      waiting,
    );
    return progress as DrainProgress;
  }

  async #drain(
    name: string,
    { onProgress = () => {}, onFailed = () => {}, isDraining = async () => true, signal, ...waiting }: DrainOptions,
  ): Promise<DrainProgress> {
    const { database, leases } = this.#context;
    const progress: DrainProgress = { total: await countOn(database, name), moved: 0, failed: 0 };
    const leave = new Set([name]);
    const move = async (id: string, lease: HeldLease) => {
      const outcome = await this.#restorer.restore(id, lease, { leave });
      if (outcome === "RESTORED" || outcome === "GONE") progress.moved++;
      else {
        progress.failed++;
        onFailed(id, outcome);
      }
      onProgress({ ...progress });
    };
    const turn = new CopiesTurn();
    for (let last = ""; ; ) {
      const page = await database.read((em) => chunksOnNode(em, name, { after: last }, BATCH));
      if (page.length === 0) return progress;
      let isOver = false;
      await leases.wait(
        COPIES_LEASE,
        async (lease) => {
          // With the lease held: whoever moves chunks to the node after it was taken off the drain comes later.
          isOver = !(await isDraining());
          if (isOver) return;
          const outcomes = await pLimit(CHUNKS_AT_ONCE).map(page, ({ id }) => settle(move(id, lease)));
          for (const outcome of outcomes) if (outcome !== null) throw outcome.error;
        },
        { ...waiting, signal },
      );
      if (isOver) return progress;
      last = page.at(-1)?.id ?? last;
      signal?.throwIfAborted();
      await turn.end(signal);
    }
  }
}

/** Waits for the outcome, so that no work goes on without the lease when one of several failed. */
async function settle(work: Promise<void>): Promise<{ error: unknown } | null> {
  try {
    await work;
    return null;
  } catch (error) {
    return { error };
  }
}
