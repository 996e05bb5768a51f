import type { EntityManager } from "../database.ts";
import { type Chunk, ChunkReplica } from "./chunk.ts";
import { FileChunk } from "./manifest.ts";

export interface ManifestEntry {
  /** Of the chunk's first byte in the file. */
  offset: number;
  chunk: Chunk;
  /** The names of the nodes that hold it. */
  nodes: string[];
}

/** @returns the entries whose chunks begin at or behind `offset`, in order, at most `limit` of them */
export async function readManifest(
  em: EntityManager,
  fileId: string,
  offset: number,
  limit: number,
): Promise<ManifestEntry[]> {
  const entries = await em.find(
    FileChunk,
    { file: fileId, offset: { $gte: offset } },
    { orderBy: { offset: "asc" }, limit, populate: ["chunk"] },
  );
  const chunks = entries.map((entry) => entry.chunk as Chunk);
  const replicas = await em.find(ChunkReplica, { chunk: { $in: chunks.map((chunk) => chunk.id) } });
  const nodes = new Map<string, string[]>(chunks.map((chunk) => [chunk.id, []]));
  for (const replica of replicas) nodes.get(replica.chunk.id)?.push(replica.node);
  return entries.map(({ offset, chunk }) => ({
    offset,
    chunk: chunk as Chunk,
    nodes: (nodes.get(chunk.id) ?? []).sort(),
  }));
}

/** @returns the offset of the entry whose chunk holds the byte at `position` */
export async function offsetOf(em: EntityManager, fileId: string, position: number): Promise<number | null> {
  const entry = await em.findOne(
    FileChunk,
    { file: fileId, offset: { $lte: position } },
    { orderBy: { offset: "desc" }, fields: ["offset"] },
  );
  return entry?.offset ?? null;
}
