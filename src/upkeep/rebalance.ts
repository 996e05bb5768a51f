import type { Database } from "../database/database.ts";
import type { ChunkRestorer } from "./chunk-restorer.ts";
import { CopiesTurn } from "./copies-turn.ts";
import type { Leases, WaitOptions } from "./leases.ts";
import type { NodePool } from "./node-pool.ts";
import { COPIES_LEASE } from "./repairer.ts";

const BATCH = 100;
const USED = `
  select coalesce(sum(chunk.size), 0) as bytes
  from chunk_replicas replica join chunks chunk on chunk.id = replica.chunk_id where replica.node = ?`;
const PAGE = `
  select chunk.id, chunk.size from chunk_replicas replica join chunks chunk on chunk.id = replica.chunk_id
  where replica.node = ? and replica.chunk_id > ? order by replica.chunk_id limit ?`;
const HOLDERS = "select node from chunk_replicas where chunk_id = ?";

export interface RebalanceProgress {
  movedChunks: number;
  movedBytes: number;
  /** All that is to be moved. */
  totalBytes: number;
}

export interface RebalanceOptions extends WaitOptions {
  /** Stops after so many bytes. */
  maxBytes?: number;
  onProgress?: (progress: RebalanceProgress) => void;
}

/** How many bytes each node has above what it should: negative where there is room. */
export type Excess = Map<string, number>;

/** Every node shall be filled to the same part of its room. */
export async function measureExcess(database: Database, pool: NodePool): Promise<Excess> {
  const usable = (await pool.usable()).filter(({ draining }) => !draining);
  // A node that can't tell its room counts as much as the emptiest that can, as in placement.
  const most = Math.max(0, ...usable.map(({ freeBytes }) => freeBytes ?? 0));
  const nodes: { name: string; used: number; room: number }[] = [];
  for (const { name, freeBytes } of usable) {
    const [row] = await database.read((em) => em.execute<{ bytes: number | string }[]>(USED, [name]));
    const used = Number(row?.bytes ?? 0);
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

/** Moves copies from nodes that are fuller than the others to emptier ones, verified. Balanced nodes are left alone. */
export async function rebalance(
  database: Database,
  pool: NodePool,
  restorer: ChunkRestorer,
  leases: Leases,
  { maxBytes = Number.POSITIVE_INFINITY, onProgress = () => {}, ...waiting }: RebalanceOptions = {},
): Promise<RebalanceProgress> {
  const excess = await measureExcess(database, pool);
  const total = [...excess.values()].reduce((sum, bytes) => sum + Math.max(0, bytes), 0);
  const progress = { movedChunks: 0, movedBytes: 0, totalBytes: Math.min(maxBytes, Math.round(total)) };
  const turn = new CopiesTurn();
  for (const [from, bytes] of excess) if (bytes > 0) await moveFrom(from);
  return progress;

  async function moveFrom(from: string): Promise<void> {
    const isDone = (size: number) => (excess.get(from) ?? 0) < size / 2 || progress.movedBytes >= maxBytes;
    for (let last = ""; !isDone(0); ) {
      const page = await database.read((em) => em.execute<{ id: string; size: number }[]>(PAGE, [from, last, BATCH]));
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
    const rows = await database.read((em) => em.execute<{ node: string }[]>(HOLDERS, [id]));
    const holders = new Set(rows.map(({ node }) => node));
    const [best] = [...excess].filter(([name]) => !holders.has(name)).sort((a, b) => a[1] - b[1]);
    // Half a chunk, so that a move always makes the two more alike.
    return best !== undefined && best[1] <= -size / 2 ? best[0] : undefined;
  }
}
