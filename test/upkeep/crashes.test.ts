import { randomInt } from "node:crypto";
import { describe, expect, test } from "vitest";
import { InsufficientStorageError } from "../../src/errors.ts";
import { idsOf, makeBlob, type TestBlob } from "../storage/blobs.ts";
import { dialects } from "../support/databases.ts";
import { CrashPoint } from "./crash.ts";
import { noSignal, type Running, Scene } from "./scene.ts";

/** One of so many steps is tried, others each time; 1 tries all, in a few minutes. */
const STRIDE = Number(process.env["STOWAGE_TEST_CRASH_STRIDE"] ?? 8);
/** More than one work has; so that a work which never ends fails. */
const MOST_STEPS = 1_000;

interface Work {
  /** Good copies by rows that must be there at any time. */
  chunks: { blob: TestBlob; atLeast: number }[];
  run(running: Running): Promise<unknown>;
}

/**
 * Does the work again and again, with the process dying at another step each time; then a new one comes. No chunk may have fewer
 * good copies at any time than it began with, and in the end each has two, and nothing else is anywhere.
 */
async function crashEverywhere(scene: Scene, prepare: () => Promise<Work>): Promise<number> {
  for (let at = randomInt(STRIDE); at < MOST_STEPS; at += STRIDE) {
    const { chunks, run } = await prepare();
    const crash = new CrashPoint(at);
    await run(scene.start(crash)).catch((error) => {
      if (!crash.crashed) throw error;
    });
    for (const { blob, atLeast } of chunks) {
      const [rows, holders] = [await scene.rows(blob.id), await scene.holders(blob)];
      const good = rows.filter((name) => holders.includes(name));
      expect(good.length, `step ${at}: ${rows} of ${holders}`).toBeGreaterThanOrEqual(atLeast);
    }
    await scene.expireLeases();
    await scene.hurry();
    const running = scene.start();
    await running.upkeep.repairer.run(noSignal);
    await run(running);
    await running.upkeep.sweeper.run(noSignal, undefined, 0);
    await running.upkeep.repairer.run(noSignal);
    expect(await scene.queued(), `step ${at}`).toEqual([]);
    for (const { blob } of chunks) {
      const rows = await scene.rows(blob.id);
      expect(rows, `step ${at}`).toHaveLength(2);
      await scene.expectOn(blob, rows);
    }
    expect(await scene.aside(), `step ${at}`).toEqual([]);
    const ids = chunks.map(({ blob }) => blob.id);
    for (const { node } of scene.locals.values()) {
      for (const id of await idsOf(node)) expect(ids, `step ${at}`).toContain(id);
    }
    if (!crash.crashed) return at;
    await scene.clear();
  }
  throw new Error(`It had more than ${MOST_STEPS} steps`);
}

describe.each(dialects)("a process that dies, on %s", { timeout: 300_000 }, (dialect) => {
  test("at any step of a repair: another carries on, and no good copy is lost on the way", async () => {
    const scene = await Scene.open(dialect, { nodes: 3 });
    const steps = await crashEverywhere(scene, async () => {
      const corrupt = await scene.chunk(["node1", "node2"]);
      await scene.local("node1").corrupt(corrupt, 5);
      const stray = await scene.chunk(["node1"]);
      await scene.put("node2", { ...stray, bytes: makeBlob(stray.size).bytes });
      await scene.put("node3", { ...stray, bytes: makeBlob(stray.size).bytes });
      const surplus = await scene.chunk(["node1", "node2", "node3"]);
      const blobs = [corrupt, stray, surplus];
      await scene.start().queue.add(blobs.map(({ id }) => [id, "CORRUPT"] as const));
      return {
        chunks: blobs.map((blob) => ({ blob, atLeast: blob === surplus ? 2 : 1 })),
        run: ({ upkeep }) => upkeep.repairer.run(noSignal),
      };
    });
    expect(steps).toBeGreaterThan(50);
  });

  test("at any step of moving copies from a full node: the same", async () => {
    const scene = await Scene.open(dialect, { nodes: 3 });
    scene.disk("node1").fail.create = new InsufficientStorageError(new Error("ENOSPC"));
    const steps = await crashEverywhere(scene, async () => {
      const blob = await scene.chunk(["node1", "node2"]);
      await scene.local("node1").corrupt(blob, 5);
      await scene.start().queue.add([[blob.id, "CORRUPT"]]);
      return { chunks: [{ blob, atLeast: 1 }], run: ({ upkeep }) => upkeep.repairer.run(noSignal) };
    });
    expect(steps).toBeGreaterThan(20);
  });

  test("at any step of draining a node: the same", async () => {
    const scene = await Scene.open(dialect, { nodes: 3 });
    scene.draining.add("node1");
    const steps = await crashEverywhere(scene, async () => {
      const blobs = [await scene.chunk(["node1", "node2"]), await scene.chunk(["node1", "node3"])];
      return {
        chunks: blobs.map((blob) => ({ blob, atLeast: 2 })),
        run: async ({ upkeep }) => {
          expect(await upkeep.drainer.drainNode("node1")).toMatchObject({ failed: 0 });
          for (const { id } of blobs) expect(await scene.rows(id)).toEqual(["node2", "node3"]);
        },
      };
    });
    expect(steps).toBeGreaterThan(20);
  });

  test("at any step of a scrub: the next one finds what is bad", async () => {
    const scene = await Scene.open(dialect, { nodes: 2 });
    const steps = await crashEverywhere(scene, async () => {
      const blobs = [await scene.chunk(), await scene.chunk()];
      await scene.local("node1").corrupt(blobs[0] as TestBlob, 5);
      await scene.local("node1").lose(blobs[1] as TestBlob);
      return {
        chunks: blobs.map((blob) => ({ blob, atLeast: 1 })),
        run: async ({ upkeep }) => {
          await upkeep.scrubber.scrubNode("node1");
          await upkeep.repairer.run(noSignal);
        },
      };
    });
    expect(steps).toBeGreaterThan(20);
  });
});
