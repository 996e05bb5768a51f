import { utimes } from "node:fs/promises";
import { v7 as uuidv7 } from "uuid";
import { describe, expect, test } from "vitest";
import { TooManyOrphansError } from "../../src/upkeep/orphans.ts";
import { idsOf, makeBlob, type TestBlob } from "../storage/blobs.ts";
import { dialects } from "../support/databases.ts";
import { noSignal, Scene } from "./scene.ts";

const DAY_MS = 24 * 3600_000;

async function age(scene: Scene, node: string, blob: Pick<TestBlob, "id">, ms: number): Promise<void> {
  const time = new Date(Date.now() - ms);
  await utimes(scene.local(node).pathOf(blob), time, time);
}

/** An id that was made so long ago. */
const idOf = (ageMs: number) => uuidv7({ msecs: Date.now() - ageMs });

/** Blobs on a node that no row tells of. */
async function orphans(scene: Scene, node: string, count: number, ageMs: number) {
  const blobs = Array.from({ length: count }, () => makeBlob(100, idOf(ageMs)));
  for (const blob of blobs) {
    await scene.put(node, blob);
    await age(scene, node, blob, ageMs);
  }
  return blobs;
}

async function wanted(scene: Scene, count: number) {
  const blobs = [];
  for (let i = 0; i < count; i++) blobs.push(await scene.chunk(undefined, 1000, idOf(3 * DAY_MS)));
  for (const blob of blobs) for (const node of blob.nodes) await age(scene, node, blob, 3 * DAY_MS);
  return blobs;
}

describe.each(dialects)("sweep on %s", (dialect) => {
  test("removes blobs that no row tells of when they are older than a day, and nothing else", async () => {
    const scene = await Scene.open(dialect);
    const { upkeep } = scene.start();
    const kept = await wanted(scene, 8);
    const old = await orphans(scene, "node1", 5, DAY_MS + 60_000);
    const young = await orphans(scene, "node1", 3, DAY_MS - 60_000);
    await upkeep.sweeper.run(noSignal);
    const ids = await idsOf(scene.local("node1").node);
    for (const { id } of old) expect(ids.has(id)).toBe(false);
    for (const { id } of young) expect(ids.has(id)).toBe(true);
    for (const blob of kept) await scene.expectOn(blob, ["node1", "node2"]);
    expect(await scene.queued()).toEqual([]);
  });

  test("an orphan that can't be removed keeps no other there", async () => {
    const scene = await Scene.open(dialect);
    const { upkeep } = scene.start();
    await wanted(scene, 8);
    const many = await orphans(scene, "node1", 5, 2 * DAY_MS);
    const ids = () => idsOf(scene.local("node1").node);
    const [stuck = ""] = [...(await ids())].filter((id) => many.some((blob) => blob.id === id));
    const disk = scene.disk("node1");
    const remove = disk.remove.bind(disk);
    disk.remove = async (blob) => {
      if (blob.id === stuck) throw new Error("EACCES");
      await remove(blob);
    };
    await upkeep.sweeper.run(noSignal);
    const left = await ids();
    expect(many.filter(({ id }) => left.has(id)).map(({ id }) => id)).toEqual([stuck]);
  });

  test("a chunk without a file on a node that is away keeps nothing else from being swept", async () => {
    const scene = await Scene.open(dialect);
    const { upkeep } = scene.start();
    await wanted(scene, 8);
    const unused = await scene.chunk(["node2"], 1000);
    const time = new Date(Date.now() - 3 * DAY_MS);
    await scene.database.transaction(async (em) => {
      await em.execute("delete from file_chunks where chunk_id = ?", [unused.id], "run");
      await em.execute("update chunks set created_at = ? where id = ?", [time, unused.id], "run");
    });
    const [orphan] = await orphans(scene, "node1", 1, 2 * DAY_MS);
    scene.disk("node2").fail.remove = new Error("away");
    await upkeep.sweeper.run(noSignal);
    expect((await idsOf(scene.local("node1").node)).has(orphan?.id ?? "")).toBe(false);
    delete scene.disk("node2").fail.remove;
    await upkeep.sweeper.run(noSignal);
    expect(await scene.rows(unused.id)).toEqual([]);
    expect(await scene.holders(unused)).toEqual([]);
  });

  test("a node on which most is unknown is not touched, unless by force", async () => {
    const scene = await Scene.open(dialect);
    const { upkeep } = scene.start();
    const kept = await wanted(scene, 4);
    const many = await orphans(scene, "node1", 5, 2 * DAY_MS);
    await upkeep.sweeper.run(noSignal);
    await expect(upkeep.sweeper.sweepNode("node1")).rejects.toBeInstanceOf(TooManyOrphansError);
    const ids = await idsOf(scene.local("node1").node);
    for (const { id } of [...many, ...kept]) expect(ids.has(id)).toBe(true);
    expect(scene.logged.filter(({ level }) => level === "error").map(({ message }) => message)).toEqual([
      expect.stringContaining("NOT swept"),
    ]);
    expect(await upkeep.sweeper.sweepNode("node1", { force: true })).toEqual({ blobs: 9, orphans: 5, strays: 0 });
    expect(await idsOf(scene.local("node1").node)).toEqual(new Set(kept.map(({ id }) => id)));
  });

  test("an empty database, or another one, makes no node lose a blob", async () => {
    const scene = await Scene.open(dialect);
    await orphans(scene, "node1", 3, 2 * DAY_MS);
    await orphans(scene, "node2", 3, 2 * DAY_MS);
    await scene.start().upkeep.sweeper.run(noSignal);
    for (const { node } of scene.locals.values()) expect((await idsOf(node)).size).toBe(3);
  });

  test("a node that isn't who it should be, or is down, is left alone", async () => {
    const scene = await Scene.open(dialect);
    const { upkeep } = scene.start();
    await wanted(scene, 4);
    const old = await orphans(scene, "node1", 1, 2 * DAY_MS);
    scene.disk("node1").fail.probe = new Error("another identity");
    await upkeep.sweeper.run(noSignal);
    await expect(upkeep.sweeper.sweepNode("node1", { force: true })).rejects.toThrow("another identity");
    expect((await idsOf(scene.local("node1").node)).has(old[0]?.id ?? "")).toBe(true);
  });

  test("a copy of a chunk that no row tells of is removed once the others are known to be good", async () => {
    const scene = await Scene.open(dialect, { nodes: 3 });
    const { upkeep } = scene.start();
    const [blob] = await wanted(scene, 3);
    if (!blob) throw new Error("unreachable");
    await scene.put("node3", blob);
    await age(scene, "node3", blob, 2 * DAY_MS);
    await upkeep.sweeper.run(noSignal);
    expect(await scene.holders(blob)).toEqual(["node1", "node2", "node3"]);
    await scene.local("node1").lose(blob);
    await upkeep.repairer.run(noSignal);
    await scene.expectOn(blob, ["node1", "node2"]);
  });

  test("what was set aside on a node that was away when its chunk was repaired goes, once there are good copies", async () => {
    const scene = await Scene.open(dialect, { nodes: 3 });
    const { queue, upkeep } = scene.start();
    const [repaired, deleted] = [await scene.chunk(), uuidv7()];
    for (const [name, id] of [
      ["node1", repaired.id],
      ["node3", deleted],
    ] as const) {
      if (name === "node3") await scene.put(name, makeBlob(100, id));
      else await scene.local(name).corrupt(repaired, 5);
      await scene.local(name).node.setAside(id);
    }
    scene.disk("node1").fail.probe = new Error("away");
    await queue.add([[repaired.id, "CORRUPT"]]);
    await upkeep.repairer.run(noSignal);
    scene.disk("node1").fail = {};
    expect((await scene.aside()).sort()).toEqual([repaired.id, deleted].sort());
    expect(await scene.queued()).toEqual([]);
    await upkeep.sweeper.run(noSignal);
    await upkeep.repairer.run(noSignal);
    await scene.expectOn(repaired, ["node2", "node3"]);
    expect(await scene.aside()).toEqual([]);
  });

  test("chunks with too few rows are queued, also when REPLICAS was raised or a node was taken away", async () => {
    const scene = await Scene.open(dialect, { nodes: 3 });
    const { upkeep } = scene.start();
    const [one, away, good] = [
      await scene.chunk(["node1"]),
      await scene.chunk(["node2", "node3"]),
      await scene.chunk(),
    ];
    await scene.database.transaction((em) =>
      em.execute("update chunk_replicas set node = 'gone' where chunk_id = ? and node = 'node3'", [away.id], "run"),
    );
    expect(await upkeep.underReplicated()).toBe(2);
    await upkeep.sweeper.run(noSignal);
    expect((await scene.queued()).map(({ chunkId }) => chunkId)).toEqual([one.id, away.id]);
    await upkeep.repairer.run(noSignal);
    expect(await upkeep.underReplicated()).toBe(0);
    for (const blob of [one, away, good]) expect(await scene.rows(blob.id)).not.toContain("gone");
  });

  test("chunks that no file refers to go when they are older than a day", async () => {
    const scene = await Scene.open(dialect);
    const { upkeep } = scene.start();
    const [old, young, used] = await wanted(scene, 3);
    if (!old || !young || !used) throw new Error("unreachable");
    await scene.database.transaction(async (em) => {
      for (const { id } of [old, young]) await em.execute("delete from file_chunks where chunk_id = ?", [id], "run");
      const before = new Date(Date.now() - 2 * DAY_MS);
      for (const { id } of [old, used]) await em.execute("update chunks set created_at = ? where id = ?", [before, id]);
    });
    await upkeep.sweeper.run(noSignal);
    await scene.expectOn(old, []);
    expect(await scene.database.read((em) => em.execute("select id from chunks where id = ?", [old.id]))).toEqual([]);
    for (const blob of [young, used]) await scene.expectOn(blob, ["node1", "node2"]);
  });

  test("one instance sweeps a day, and another when it died of it", async () => {
    const scene = await Scene.open(dialect);
    await wanted(scene, 4);
    await scene.start().upkeep.sweeper.run(noSignal, DAY_MS);
    const [old] = await orphans(scene, "node1", 1, 2 * DAY_MS);
    await scene.start().upkeep.sweeper.run(noSignal, DAY_MS);
    expect((await idsOf(scene.local("node1").node)).has(old?.id ?? "")).toBe(true);
    await scene.expireLeases();
    await scene.start().upkeep.sweeper.run(noSignal, DAY_MS);
    expect((await idsOf(scene.local("node1").node)).has(old?.id ?? "")).toBe(false);
  });

  test("looks at more than one batch", async () => {
    const scene = await Scene.open(dialect, { nodes: 1, replicas: 1 });
    const { upkeep } = scene.start();
    for (let i = 0; i < 1_100; i++) await scene.chunk(["node1"], 1, uuidv7());
    await orphans(scene, "node1", 40, 2 * DAY_MS);
    await upkeep.sweeper.run(noSignal, undefined, 0);
    expect((await idsOf(scene.local("node1").node)).size).toBe(1_100);
    expect(await upkeep.underReplicated()).toBe(0);
  });
});
