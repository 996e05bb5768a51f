import { describe, expect, test } from "vitest";
import type { TestBlob } from "../storage/blobs.ts";
import { dialects } from "../support/databases.ts";
import { Scene } from "./scene.ts";

const SIZE = 1000;

async function perNode(scene: Scene, blobs: readonly TestBlob[]): Promise<number[]> {
  const rows = await Promise.all(blobs.map(({ id }) => scene.rows(id)));
  return [...scene.disks.keys()].map((name) => rows.filter((nodes) => nodes.includes(name)).length);
}

describe.each(dialects)("drain on %s", (dialect) => {
  async function setUp(nodes: number, replicas: number, count: number) {
    const scene = await Scene.open(dialect, { nodes, replicas });
    const blobs: TestBlob[] = [];
    for (let i = 0; i < count; i++) blobs.push(await scene.chunk(["node1", "node2"].slice(0, replicas), SIZE));
    scene.draining.add("node1");
    return { scene, blobs, running: scene.start() };
  }

  test.for([1, 2])("moves everything off the node, verified, with %i copies of each chunk", async (replicas) => {
    const { scene, blobs, running } = await setUp(3, replicas, 120);
    let last = {};
    const onProgress = (progress: object) => {
      last = progress;
    };
    const done = { total: 120, moved: 120, failed: 0 };
    expect(await running.upkeep.drainer.drainNode("node1", { onProgress })).toEqual(done);
    expect(last).toEqual(done);
    expect((await perNode(scene, blobs))[0]).toBe(0);
    for (const blob of blobs.slice(0, 20)) await scene.expectOn(blob, await scene.rows(blob.id));
    expect(await running.upkeep.drainer.drainNode("node1")).toEqual({ total: 0, moved: 0, failed: 0 });
  });

  test("a dead node's chunks are copied from the other replicas", async () => {
    const { scene, blobs, running } = await setUp(3, 2, 10);
    scene.disk("node1").fail.probe = new Error("dead");
    expect(await running.upkeep.drainer.drainNode("node1")).toEqual({ total: 10, moved: 10, failed: 0 });
    expect(await perNode(scene, blobs)).toEqual([0, 10, 10]);
  });

  test("what no other node can take stays", async () => {
    const { scene, blobs, running } = await setUp(2, 2, 5);
    expect(await running.upkeep.drainer.drainNode("node1")).toEqual({ total: 5, moved: 0, failed: 5 });
    for (const blob of blobs) await scene.expectOn(blob, ["node1", "node2"]);
  });

  test("a bad copy that is the only one stays where it is", async () => {
    const { scene, blobs, running } = await setUp(2, 1, 3);
    const [bad] = blobs as [TestBlob];
    await scene.local("node1").corrupt(bad, 5);
    expect(await running.upkeep.drainer.drainNode("node1")).toEqual({ total: 3, moved: 2, failed: 1 });
    expect(await scene.rows(bad.id)).toEqual(["node1"]);
    expect(await scene.holders(bad)).toEqual(["node1!"]);
  });
});

describe.each(dialects)("rebalance on %s", (dialect) => {
  test("fills nodes alike, and does nothing where they are", async () => {
    const scene = await Scene.open(dialect, { nodes: 3 });
    const { upkeep } = scene.start();
    const blobs: TestBlob[] = [];
    for (let i = 0; i < 90; i++) blobs.push(await scene.chunk(["node1", "node2"], SIZE));
    const done = await upkeep.rebalancer.rebalance();
    expect(done).toMatchObject({ movedChunks: 60, movedBytes: 60 * SIZE, totalBytes: 60 * SIZE });
    expect(await perNode(scene, blobs)).toEqual([60, 60, 60]);
    for (const blob of blobs) await scene.expectOn(blob, await scene.rows(blob.id));
    expect(await upkeep.rebalancer.rebalance()).toMatchObject({ movedChunks: 0 });
  });

  test("by the nodes' room, and no more than asked for", async () => {
    const scene = await Scene.open(dialect, { nodes: 2, replicas: 1 });
    scene.disk("node2").freeBytes = 3e12;
    const { upkeep } = scene.start();
    const blobs: TestBlob[] = [];
    for (let i = 0; i < 40; i++) blobs.push(await scene.chunk(["node1"], SIZE));
    expect(await upkeep.rebalancer.rebalance({ maxBytes: 10 * SIZE })).toMatchObject({
      movedChunks: 10,
      totalBytes: 10 * SIZE,
    });
    expect(await perNode(scene, blobs)).toEqual([30, 10]);
    await upkeep.rebalancer.rebalance();
    expect(await perNode(scene, blobs)).toEqual([10, 30]);
  });
});
