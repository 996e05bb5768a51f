import pLimit from "p-limit";
import type { Database } from "../database/database.ts";
import type { ChunkRestorer, RestoreOutcome } from "./chunk-restorer.ts";
import { CopiesTurn } from "./copies-turn.ts";
import type { HeldLease, Leases, WaitOptions } from "./leases.ts";
import { CHUNKS_AT_ONCE, COPIES_LEASE } from "./repairer.ts";

const BATCH = 100;
const COUNT = "select count(*) as chunks from chunk_replicas where node = ?";
const PAGE = "select chunk_id as id from chunk_replicas where node = ? and chunk_id > ? order by chunk_id limit ?";

export interface DrainProgress {
  /** Chunks that were on the node at the start. */
  total: number;
  moved: number;
  /** Chunks that could not be moved, as there was no good copy or no node to take one. */
  failed: number;
}

export interface DrainOptions extends WaitOptions {
  onProgress?: (progress: DrainProgress) => void;
  /** Asked before each batch: the node is left alone as soon as it doesn't drain any more. */
  isDraining?: () => Promise<boolean>;
  /** Told of each chunk that could not be moved. */
  onFailed?: (id: string, outcome: RestoreOutcome) => void;
}

/** Chunks of which a row says that the node has a copy. */
export async function chunksOn(database: Database, name: string): Promise<number> {
  const rows = await database.read((em) => em.execute<{ chunks: number | string }[]>(COUNT, [name]));
  return Number(rows[0]?.chunks ?? 0);
}

/**
 * Moves every chunk's copy off a node, verified, so that it can be taken away. The node, which may be dead, should take
 * no new chunks by then. What is done is done: the next call goes on with what is left.
 * @returns when no row names the node any more, or one attempt at all of them left some: `failed` then
 */
export async function drainNode(
  database: Database,
  restorer: ChunkRestorer,
  leases: Leases,
  name: string,
  { onProgress = () => {}, onFailed = () => {}, isDraining = async () => true, signal, ...waiting }: DrainOptions = {},
): Promise<DrainProgress> {
  const progress: DrainProgress = { total: await chunksOn(database, name), moved: 0, failed: 0 };
  const leave = new Set([name]);
  const move = async (id: string, lease: HeldLease) => {
    const outcome = await restorer.restore(id, lease, { leave });
    if (outcome === "RESTORED" || outcome === "GONE") progress.moved++;
    else {
      progress.failed++;
      onFailed(id, outcome);
    }
    onProgress({ ...progress });
  };
  const turn = new CopiesTurn();
  for (let last = ""; ; ) {
    const page = await database.read((em) => em.execute<{ id: string }[]>(PAGE, [name, last, BATCH]));
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
      { ...waiting, ...(signal && { signal }) },
    );
    if (isOver) return progress;
    last = page.at(-1)?.id ?? last;
    signal?.throwIfAborted();
    await turn.end(signal);
  }
}

/** So that no work goes on behind the lease's back when one of several failed. */
async function settle(work: Promise<void>): Promise<{ error: unknown } | null> {
  try {
    await work;
    return null;
  } catch (error) {
    return { error };
  }
}
