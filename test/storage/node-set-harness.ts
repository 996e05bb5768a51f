import { v7 } from "uuid";
import { InsufficientStorageError } from "../../src/errors.ts";
import { NodeSet, type NodeSetOptions } from "../../src/storage/cluster/node-set.ts";
import { rankNodes } from "../../src/storage/cluster/placement.ts";
import { idsOf } from "./blobs.ts";
import { FaultyNode } from "./faulty-node.ts";
import { type LocalHarness, openLocal } from "./local-harness.ts";

export interface Setup {
  set: NodeSet;
  locals: Map<string, LocalHarness>;
  disks: FaultyNode[];
  disk(name: string): FaultyNode;
  logged: { facts: Record<string, unknown>; message: string }[];
}

/** Nodes called node1, node2 and so on, with as much room each. */
export async function setUp(
  nodeCount: number,
  replicas: number,
  options: Partial<NodeSetOptions> = {},
): Promise<Setup> {
  const names = Array.from({ length: nodeCount }, (_, index) => `node${index + 1}`);
  const harnesses = await Promise.all(names.map((name) => openLocal(name)));
  const disks = harnesses.map(({ node }) => new FaultyNode(node));
  for (const disk of disks) disk.freeBytes = 1e12;
  const logged: Setup["logged"] = [];
  const log = (facts: object, message: string) => void logged.push({ facts: { ...facts }, message });
  const set = new NodeSet({ nodes: disks, replicas, logger: { warn: log, error: log }, ...options });
  await set.probe();
  const disk = (name: string) => disks.find((one) => one.name === name) as FaultyNode;
  return { set, locals: new Map(harnesses.map((local) => [local.node.name, local])), disks, disk, logged };
}

export const broken = () => Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
export const full = () => new InsufficientStorageError(Object.assign(new Error("ENOSPC"), { code: "ENOSPC" }));

/** An id for which nodes of equal room come in this order. */
export function idRanked(...names: string[]): string {
  const nodes = names.map((name) => ({ name, weight: 1 }));
  for (;;) {
    const id = v7();
    if (rankNodes(id, nodes).join() === names.join()) return id;
  }
}

/** The names of the nodes whose own listing has the blob. */
export async function holdersOf(set: NodeSet, id: string): Promise<string[]> {
  const names: string[] = [];
  for (const [name, node] of set.nodes) if ((await idsOf(node)).has(id)) names.push(name);
  return names.sort();
}
