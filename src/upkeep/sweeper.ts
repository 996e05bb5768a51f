import { mayExpire } from "../database/database-clock.ts";
import { ServiceUnavailableError } from "../errors.ts";
import { clockWatch } from "../runtime/clock-watch.ts";
import { sweepChunks } from "./chunk-census.ts";
import { ORPHAN_AGE_MS, type SweptNode, sweepOrphans, TooManyOrphansError } from "./orphans.ts";
import type { UpkeepContext } from "./upkeep-context.ts";

const LEASE = "sweep";

/** Removes what nothing refers to any more. */
export class Sweeper {
  readonly #context: UpkeepContext;

  constructor(context: UpkeepContext) {
    this.#context = context;
  }

  /**
   * Sweeps once, unless another process does or has within `restMs`.
   * @param ageMs how old a blob or a chunk is that nothing refers to, if it is to go
   */
  async run(signal: AbortSignal, restMs?: number, ageMs?: number): Promise<void> {
    if (!(await this.#clockIsGood(ageMs ?? ORPHAN_AGE_MS))) return;
    const options = { signal, ageMs };
    await this.#context.leases.hold(
      LEASE,
      async (lease) => {
        await sweepChunks(this.#context, { ...options, signal: lease.signal });
        for (const { name } of await this.#context.pool.usable()) {
          await this.#sweep(name, { ...options, signal: lease.signal });
        }
      },
      { signal, restMs },
    );
  }

  /**
   * Sweeps one node now.
   * @param force removes orphans also where they are most of what the node has
   * @throws TooManyOrphansError; RangeError when there is no such node; when it fails or isn't who it should be
   */
  async sweepNode(name: string, options: { force?: boolean; signal?: AbortSignal } = {}): Promise<SweptNode> {
    const node = this.#context.pool.nodes.get(name);
    if (node === undefined) throw new RangeError(`There is no storage node ${name}`);
    if (!(await this.#clockIsGood(ORPHAN_AGE_MS))) {
      throw new ServiceUnavailableError("The clock has jumped or differs from the database's: nothing is swept by it.");
    }
    await node.probe();
    return sweepOrphans(this.#context, node, options);
  }

  /** Whether ages can be believed: after a jump of the clock, all that is under way may look as old as an orphan. */
  async #clockIsGood(ageMs: number): Promise<boolean> {
    return clockWatch.isSettled(ageMs) && (await mayExpire(this.#context.database));
  }

  async #sweep(name: string, options: { signal: AbortSignal; ageMs?: number }): Promise<void> {
    const node = this.#context.pool.nodes.get(name);
    if (node === undefined) return;
    try {
      await node.probe();
      await sweepOrphans(this.#context, node, options);
    } catch (err) {
      options.signal.throwIfAborted();
      const refused = err instanceof TooManyOrphansError;
      const message = refused
        ? "NOT swept: most blobs of this node are unknown to the database; if it is the right one, sweep the node by force"
        : "a node could not be swept; it is tried again";
      this.#context.log[refused ? "error" : "warn"]({ node: name, err }, message);
    }
  }
}
