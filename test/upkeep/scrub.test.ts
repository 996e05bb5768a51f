import { v7 as uuidv7 } from "uuid";
import { describe, expect, test, vi } from "vitest";
import { dialects } from "../support/databases.ts";
import { noSignal, Scene } from "./scene.ts";

const PERIOD_MS = 1_000_000;

/** An id of a chunk that was made before the passes of this test begin. */
const oldId = () => uuidv7({ msecs: Date.now() - 60_000 });

async function chunks(scene: Scene, count: number) {
  const made = [];
  for (let i = 0; i < count; i++) made.push(await scene.chunk(undefined, 1000, oldId()));
  return made;
}

describe.each(dialects)("scrub on %s", (dialect) => {
  test("finds what is missing or bad, queues it, and tells how far it is", async () => {
    const scene = await Scene.open(dialect);
    const { upkeep } = scene.start();
    const [flipped, lost, cut] = await chunks(scene, 150);
    if (!flipped || !lost || !cut) throw new Error("unreachable");
    await scene.local("node1").corrupt(flipped, 999);
    await scene.local("node1").lose(lost);
    await scene.local("node1").truncate(cut, 10);
    const told: number[] = [];
    const onProgress = ({ verifiedChunks }: { verifiedChunks: number }) => void told.push(verifiedChunks);
    const facts = { totalChunks: 150, verifiedChunks: 150, verifiedBytes: 150_000 };
    expect(await upkeep.scrubber.scrubNode("node1", { onProgress })).toMatchObject({ ...facts, badChunks: 3 });
    expect(told).toEqual([64, 128, 150, 150]);
    const queued = (await scene.queued()).map(({ chunkId, reason }) => [chunkId, reason]);
    expect(new Map(queued as [string, string][])).toEqual(
      new Map([
        [flipped.id, "CORRUPT"],
        [lost.id, "MISSING"],
        [cut.id, "CORRUPT"],
      ]),
    );
    await upkeep.repairer.run(noSignal);
    for (const blob of [flipped, lost, cut]) await scene.expectOn(blob, ["node1", "node2"]);
    for (const node of ["node1", "node2"]) {
      expect(await upkeep.scrubber.scrubNode(node)).toMatchObject({ ...facts, badChunks: 0 });
    }
    expect((await upkeep.status()).scrubs.map(({ node }) => node)).toEqual(["node1", "node2"]);
  });

  test("a period's work is spread over it, goes on after a restart, and begins again after it", async () => {
    const scene = await Scene.open(dialect, { scrubPeriodMs: PERIOD_MS });
    await chunks(scene, 100);
    const verified = async () =>
      (await scene.start().upkeep.status()).scrubs.map((pass) => [pass.verifiedChunks, pass.finishedAt !== null]);
    const now = Date.now();
    try {
      vi.useFakeTimers({ toFake: ["Date"], now });
      await scene.start().upkeep.scrubber.run(noSignal);
      expect(await verified()).toEqual([
        [0, false],
        [0, false],
      ]);
      for (const [part, count] of [
        [0.09, 10],
        [0.45, 50],
        [0.451, 50],
        [0.9, 100],
      ] as const) {
        vi.setSystemTime(now + part * PERIOD_MS + 1);
        await scene.start().upkeep.scrubber.run(noSignal);
        expect(await verified()).toEqual(Array(2).fill([count, part === 0.9]));
      }
      vi.setSystemTime(now + 0.99 * PERIOD_MS);
      await scene.start().upkeep.scrubber.run(noSignal);
      expect(await verified()).toEqual(Array(2).fill([100, true]));
      vi.setSystemTime(now + 1.01 * PERIOD_MS);
      await scene.start().upkeep.scrubber.run(noSignal);
      expect(await verified()).toEqual(Array(2).fill([0, false]));
    } finally {
      vi.useRealTimers();
    }
    const reads = [...scene.disks.values()].map(({ calls }) => calls.filter((call) => call === "read").length);
    expect(reads).toEqual([100, 100]);
  });

  test("a node that lost much is looked through at once, from the beginning", async () => {
    const scene = await Scene.open(dialect, { scrubPeriodMs: PERIOD_MS });
    const blobs = await chunks(scene, 200);
    const now = Date.now();
    try {
      vi.useFakeTimers({ toFake: ["Date"], now });
      await scene.start().upkeep.scrubber.run(noSignal);
      vi.setSystemTime(now + 0.45 * PERIOD_MS);
      await scene.start().upkeep.scrubber.run(noSignal);
      for (const blob of blobs) await scene.local("node2").lose(blob);
      vi.setSystemTime(now + 0.5 * PERIOD_MS);
      const { upkeep } = scene.start();
      await upkeep.scrubber.run(noSignal);
      const [, second] = (await upkeep.status()).scrubs;
      expect(second).toMatchObject({ badChunks: 200, verifiedChunks: 200 });
      expect(await scene.queued()).toHaveLength(200);
    } finally {
      vi.useRealTimers();
    }
  });

  test("off: nothing by itself", async () => {
    const scene = await Scene.open(dialect, { scrubPeriodMs: null });
    await chunks(scene, 3);
    const { upkeep } = scene.start();
    await upkeep.scrubber.run(noSignal);
    expect((await upkeep.status()).scrubs).toEqual([]);
  });

  test.for(["fails", "looks empty"])("a node that is down and %s has lost nothing: the pass waits", async (how) => {
    const scene = await Scene.open(dialect);
    const { upkeep } = scene.start();
    const blobs = await chunks(scene, 10);
    const disk = scene.disk("node1");
    if (how === "fails") disk.fail.read = new Error("gone");
    else for (const blob of blobs) await scene.local("node1").lose(blob);
    disk.fail.probe = new Error("gone");
    await expect(upkeep.scrubber.scrubNode("node1")).rejects.toThrow("gone");
    expect(await scene.queued()).toEqual([]);
    expect((await upkeep.status()).scrubs).toMatchObject([{ verifiedChunks: 0, finishedAt: null, position: "" }]);
  });

  test("a chunk that is being freed is not bad", async () => {
    const scene = await Scene.open(dialect);
    const { upkeep } = scene.start();
    for (const blob of await chunks(scene, 3)) await scene.local("node1").lose(blob);
    await scene.closeFile();
    expect(await upkeep.scrubber.scrubNode("node1")).toMatchObject({ badChunks: 0, verifiedChunks: 3 });
    expect(await scene.queued()).toEqual([]);
  });

  test("goes no faster than its rate", async () => {
    const scene = await Scene.open(dialect, { scrubRate: 10_000 });
    const { upkeep } = scene.start();
    await chunks(scene, 10);
    const begin = performance.now();
    await upkeep.scrubber.scrubNode("node1");
    expect(performance.now() - begin).toBeGreaterThan(850);
  });

  test("two instances don't scrub at once", async () => {
    const scene = await Scene.open(dialect, { scrubPeriodMs: 1 });
    await chunks(scene, 20);
    await Promise.all([1, 2].map(() => scene.start().upkeep.scrubber.run(noSignal)));
    const reads = [...scene.disks.values()].map(({ calls }) => calls.filter((call) => call === "read").length);
    expect(Math.max(...reads)).toBeLessThanOrEqual(20);
  });
});
