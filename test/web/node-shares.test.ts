import { expect, test } from "vitest";
import { type PlacedChunk, sharesOf } from "../../src/web/files/node-shares.ts";

const chunksOn = (nodes: string[][]): PlacedChunk[] =>
  nodes.map((storageNodes, index) => ({ index, size: 10, storageNodes }));

test("each chunk is a cell, filled for the nodes that hold it", () => {
  expect(sharesOf(chunksOn([["node1"], ["node2", "node1"], ["node2"]]))).toEqual([
    { name: "node1", chunks: 2, bytes: 20, cells: [1, 1, 0] },
    { name: "node2", chunks: 2, bytes: 20, cells: [0, 1, 1] },
  ]);
});

test("many chunks share a cell, which tells how much of it a node holds", () => {
  const chunks = chunksOn(Array.from({ length: 128 }, (_, i) => [i % 2 === 0 ? "even" : "odd"]));
  const [even] = sharesOf(chunks);
  expect(even?.cells).toHaveLength(64);
  expect(new Set(even?.cells)).toEqual(new Set([0.5]));
});

test("nodes are ordered as a person counts", () => {
  const names = sharesOf(chunksOn([["node10", "node2", "node1"]])).map(({ name }) => name);
  expect(names).toEqual(["node1", "node2", "node10"]);
});
