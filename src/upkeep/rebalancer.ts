import { chunksOnNode, nodesOf, usageOf } from "../metadata/replicas.ts";
import type { ChunkRestorer } from "./chunk-restorer.ts";
import { CopiesTurn } from "./copies-turn.ts";
import type { WaitOptions } from "./leases.ts";
import { COPIES_LEASE } from "./repairer.ts";
import type { UpkeepContext } from "./upkeep-context.ts";

const LEASE = "rebalance";
const BATCH = 100;

interface RebalanceProgress {
  movedChunks: number;
  movedBytes: number;
  /** All that is to be moved. */
  totalBytes: number;
}

interface RebalanceOptions extends WaitOptions {
  /** Stops after so many bytes. */
  maxBytes?: number;
  onProgress?: (progress: RebalanceProgress) => void;
}

/** Evens nodes out where somebody asks for it, one process at a time: two that measure alike would move twice as much. */
export class Rebalancer {
  readonly #context: UpkeepContext;
  readonly #restorer: ChunkRestorer;

  constructor(context: UpkeepContext, restorer: ChunkRestorer) {
    this.#context = context;
    this.#restorer = restorer;
  }

  /** Does what was asked for, unless another process does. */
  async runRequested(signal: AbortSignal): Promise<void> {
    if ((await this.#context.requests.find("REBALANCE")).length === 0) return;
    await this.#context.leases.hold(
      LEASE,
      async (lease) => {
        for (const request of await this.#context.requests.find("REBALANCE")) {
          const progress = await this.#move({ signal: lease.signal });
          this.#context.log.info(progress, "the nodes were rebalanced");
          await this.#context.requests.remove(request);
        }
      },
      { signal },
    );
  }

  /**
   * Moves copies from nodes that are fuller than the others to emptier ones, verified; waits while another process does. Balanced
   * nodes are left alone.
   */
  async rebalance({ signal, onWait, ...options }: RebalanceOptions = {}): Promise<RebalanceProgress> {
    let progress: RebalanceProgress | undefined;
    const waiting = { signal, onWait };
    await this.#context.leases.wait(
      LEASE,
      async (lease) => {
        progress = await this.#move({ ...options, ...waiting, signal: lease.signal });
      },
      waiting,
    );
    return progress as RebalanceProgress;
  }

  async #move({
    maxBytes = Number.POSITIVE_INFINITY,
    onProgress = () => {},
    ...waiting
  }: RebalanceOptions): Promise<RebalanceProgress> {
    const { database, leases } = this.#context;
    const restorer = this.#restorer;
    const excess = await measureExcess(this.#context);
    const total = [...excess.values()].reduce((sum, bytes) => sum + Math.max(0, bytes), 0);
    const progress = { movedChunks: 0, movedBytes: 0, totalBytes: Math.min(maxBytes, Math.round(total)) };
    const turn = new CopiesTurn();
    for (const [from, bytes] of excess) if (bytes > 0) await moveFrom(from);
    return progress;

    async function moveFrom(from: string): Promise<void> {
      const isDone = (size: number) => (excess.get(from) ?? 0) < size / 2 || progress.movedBytes >= maxBytes;
      for (let last = ""; !isDone(0); ) {
        const page = await database.read((em) => chunksOnNode(em, from, { after: last }, BATCH));
        if (page.length === 0) return;
        last = page.at(-1)?.id ?? last;
        await leases.wait(
          COPIES_LEASE,
          async (lease) => {
            for (const { id, size } of page) {
              if (isDone(size)) continue;
              const to = await emptiest(id, size);
              if (to === undefined) continue;
              const outcome = await restorer.restore(id, lease, { leave: new Set([from]), prefer: [to] });
              if (outcome !== "RESTORED") continue;
              excess.set(from, (excess.get(from) ?? 0) - size);
              excess.set(to, (excess.get(to) ?? 0) + size);
              progress.movedChunks++;
              progress.movedBytes += size;
              onProgress({ ...progress });
            }
          },
          waiting,
        );
        await turn.end(waiting.signal);
      }
    }

    /** The node with most room left that hasn't got the chunk. */
    async function emptiest(id: string, size: number): Promise<string | undefined> {
      const holders = new Set(await database.read((em) => nodesOf(em, id)));
      const [best] = [...excess].filter(([name]) => !holders.has(name)).sort((a, b) => a[1] - b[1]);
      // Half a chunk, so that a move always makes the two more alike.
      return best !== undefined && best[1] <= -size / 2 ? best[0] : undefined;
    }
  }
}

/** How many bytes each node has above what it should: negative where there is room. */
type Excess = Map<string, number>;

/** Every node shall be filled to the same part of its room. */
async function measureExcess({ database, pool }: UpkeepContext): Promise<Excess> {
  const usable = (await pool.usable()).filter(({ state }) => state === "UP");
  // A node that can't tell its room counts as much as the emptiest that can, as in placement.
  const most = Math.max(0, ...usable.map(({ freeBytes }) => freeBytes ?? 0));
  const nodes: { name: string; used: number; room: number }[] = [];
  for (const { name, freeBytes } of usable) {
    const { bytes: used } = await usageOf(database, name);
    nodes.push({ name, used, room: used + (freeBytes ?? most) });
  }
  const sum = (of: (node: (typeof nodes)[number]) => number) => nodes.reduce((total, node) => total + of(node), 0);
  const fill =
    sum(({ used }) => used) /
    Math.max(
      1,
      sum(({ room }) => room),
    );
  return new Map(nodes.map(({ name, used, room }) => [name, used - room * fill]));
}
