import { expect, test } from "vitest";
import { dialects } from "../support/databases.ts";
import { Scene } from "./scene.ts";

const CHUNKS = 130;
/** Chunks that are moved before it is asked again. */
const BATCH = 100;

test.for(dialects)("%s: a node that is taken back while it drains keeps what is left on it", async (dialect) => {
  const scene = await Scene.open(dialect, { nodes: 3 });
  for (let i = 0; i < CHUNKS; i++) await scene.chunk(["node1", "node2"]);
  let asked = 0;
  const isDraining = async () => ++asked === 1;
  const { drainer } = scene.start().upkeep;
  const progress = await drainer.drainNode("node1", { isDraining });
  expect(progress).toEqual({ total: CHUNKS, moved: BATCH, failed: 0 });
  expect(await drainer.left("node1")).toBe(CHUNKS - BATCH);
});
