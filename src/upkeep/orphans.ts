import { unknownChunks } from "../metadata/chunks.ts";
import { unknownOn } from "../metadata/replicas.ts";
import type { ListedBlob, PhysicalNode } from "../storage/storage-node.ts";
import type { RepairQueue } from "./repair-queue.ts";
import type { UpkeepContext } from "./upkeep-context.ts";

const BATCH = 1_000;
/** What is younger may be a chunk whose row is about to be committed. */
export const ORPHAN_AGE_MS = 24 * 3600_000;

/** Most of what a node holds is unknown to the database: that is rather the wrong database than so many orphans. */
export class TooManyOrphansError extends Error {
  readonly node: string;
  readonly orphans: number;
  /** Blobs that were looked at, the orphans among them. */
  readonly blobs: number;

  constructor(node: string, orphans: number, blobs: number) {
    super(`${orphans} of ${blobs} blobs on ${node} are unknown to the database: it may be the wrong one`);
    this.name = new.target.name;
    this.node = node;
    this.orphans = orphans;
    this.blobs = blobs;
  }
}

export interface SweptNode {
  /** Blobs that were looked at. */
  blobs: number;
  /** Removed, because no chunk has their id. */
  orphans: number;
  /** Copies that no row tells of, of chunks that exist; queued, as they may be needed. */
  strays: number;
}

/**
 * Finds the blobs on a node that no row tells of, where they are old, and removes those of which there is no chunk.
 * @param node which must be known to be the one that the database means
 * @param force removes them however many they are
 * @throws TooManyOrphansError, with nothing removed of the batch that showed it; what the node and the database throw
 */
export async function sweepOrphans(
  { database, queue, log }: Pick<UpkeepContext, "database" | "queue" | "log">,
  node: PhysicalNode,
  { force = false, signal, ageMs = ORPHAN_AGE_MS }: { force?: boolean; signal?: AbortSignal; ageMs?: number } = {},
): Promise<SweptNode> {
  const swept = { blobs: 0, orphans: 0, strays: 0 };
  const before = new Date(Date.now() - ageMs);
  for await (const ids of oldBlobs(node, before)) {
    signal?.throwIfAborted();
    const unknown = await database.read((em) => unknownOn(em, node.name, ids));
    const orphans = await database.read((em) => unknownChunks(em, unknown));
    swept.blobs += ids.length;
    if (!force && (swept.orphans + orphans.length) * 2 > swept.blobs) {
      throw new TooManyOrphansError(node.name, swept.orphans + orphans.length, swept.blobs);
    }
    for (const id of orphans) {
      signal?.throwIfAborted();
      try {
        await node.remove({ id, nodes: [node.name] });
        swept.orphans++;
      } catch (err) {
        // A node that fails altogether ends the sweep; a blob that can't be removed keeps no other from it.
        await node.probe();
        log.warn(
          { node: node.name, blob: id, err },
          "an orphan could not be removed; it is tried again by the next sweep",
        );
      }
    }
    const gone = new Set(orphans);
    const strays = unknown.filter((id) => !gone.has(id));
    await queue.add(strays.map((id) => [id, "STRAY"] as const));
    swept.strays += strays.length;
  }
  await queueAside(node, queue, signal);
  if (swept.orphans + swept.strays > 0) log.info({ node: node.name, ...swept }, "blobs without a row were found");
  return swept;
}

/** A repair whose node was away in the end left what it had set aside there; another looks whether it may go. */
async function queueAside(node: PhysicalNode, queue: RepairQueue, signal?: AbortSignal): Promise<void> {
  let batch: string[] = [];
  const add = () => queue.add(batch.map((id) => [id, "STRAY"] as const));
  for await (const id of node.listAside()) {
    signal?.throwIfAborted();
    batch.push(id);
    if (batch.length < BATCH) continue;
    await add();
    batch = [];
  }
  await add();
}

/** When an id was made, by the clock of who made it: ids are UUIDv7 (RFC 9562 section 5.7). */
function madeAt(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/**
 * The ids of blobs that were made and last written to before then, in batches. The place's clock, which says when it was written
 * to, is compared with nothing: what our ids say counts as well.
 */
async function* oldBlobs(node: PhysicalNode, before: Date): AsyncGenerator<string[]> {
  let batch: string[] = [];
  for await (const { id, modifiedAt } of node.list() as AsyncIterable<ListedBlob>) {
    if (modifiedAt >= before || madeAt(id) >= before.getTime()) continue;
    batch.push(id);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
