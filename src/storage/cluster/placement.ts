import { hash } from "node:crypto";

export interface WeightedNode {
  name: string;
  /** Any unit, 0 or more. A node of twice the weight gets twice the blobs; one of weight 0 comes last. */
  weight: number;
}

/**
 * Weighted rendezvous hashing: the nodes' names in this blob's order of preference. Depends on nothing but its
 * arguments; a node that comes or goes changes the first place only for the blobs that it wins or held.
 */
export function rankNodes(blobId: string, nodes: Iterable<WeightedNode>): string[] {
  return Array.from(nodes, ({ name, weight }) => {
    const luck = hashToUnit(`${name}\0${blobId}`);
    return { name, luck, score: -weight / Math.log(luck) };
  })
    .sort((a, b) => b.score - a.score || b.luck - a.luck)
    .map(({ name }) => name);
}

/** A number strictly between 0 and 1, evenly spread. */
function hashToUnit(text: string): number {
  return (hash("sha256", text, "buffer").readUIntBE(0, 6) + 0.5) / 2 ** 48;
}
