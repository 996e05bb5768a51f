import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { Freer } from "../../src/files/freeing.ts";
import { addReferences, ChunkFreeingError } from "../../src/metadata/chunk-freeing.ts";
import { FileRecord } from "../../src/metadata/file-record.ts";
import { readManifest } from "../../src/metadata/manifests.ts";
import { idsOf, readAll, type TestBlob } from "../storage/blobs.ts";
import { dialects } from "../support/databases.ts";
import { noSignal, Scene } from "../upkeep/scene.ts";

const ROUNDS = 25;
const CHUNKS = 3;

/** A little after now, so that each round meets in other places. */
const soon = (mostMs = 4) => sleep(randomInt(mostMs));

async function close(scene: Scene, file: FileRecord): Promise<void> {
  await scene.database.transaction((em) => em.nativeUpdate(FileRecord, { id: file.id }, { status: "DELETED" }));
}

/** What a server does again and again; a file that isn't freed fails the test. */
async function free(scene: Scene): Promise<void> {
  const warn = (facts: object) => {
    throw new Error("A file was not freed", { cause: facts });
  };
  await new Freer(scene.database, scene.start().storage, { warn }).run(noSignal);
}

async function fileOf(scene: Scene, nodes?: readonly string[]) {
  const file = await scene.upload();
  const blobs: TestBlob[] = [];
  for (let i = 0; i < CHUNKS; i++) blobs.push(await scene.chunk(nodes, 1000, undefined, file));
  return { file, blobs, entries: await scene.database.read((em) => readManifest(em, file.id, 0, CHUNKS)) };
}

/** Every blob on every node, as often as there are copies. */
async function blobs(scene: Scene): Promise<string[]> {
  const ids = [...scene.locals.values()].map(({ node }) => idsOf(node));
  return (await Promise.all(ids)).flatMap((one) => [...one]);
}

function rows(scene: Scene): Promise<{ id: string; node: string | null }[]> {
  const all = "select c.id, r.node from chunks c left join chunk_replicas r on r.chunk_id = c.id";
  return scene.database.read((em) => em.execute<{ id: string; node: string | null }[]>(all));
}

describe.each(dialects)("the end of chunks on %s", (dialect) => {
  test("files deleted while others begin to share their chunks: a chunk is whole, or gone and refused", async () => {
    const scene = await Scene.open(dialect);
    for (let round = 0; round < ROUNDS; round++) {
      const { file, entries, blobs: stored } = await fileOf(scene);
      const other = await scene.upload();
      const references = entries.map(({ offset, blob }) => ({ offset, chunkId: blob.id }));
      const share = async () => {
        // Longer: to close a file takes a transaction before what it has can be freed.
        await soon(16);
        await scene.database.transaction((em) => addReferences(em, other.id, references));
      };
      const remove = async () => {
        await soon();
        await close(scene, file);
        await Promise.all([free(scene), free(scene)]);
      };
      const [shared] = await Promise.allSettled([share(), remove().then(() => remove())]);
      if (shared.status === "rejected") {
        expect(shared.reason).toBeInstanceOf(ChunkFreeingError);
        continue;
      }
      const kept = await scene.database.read((em) => readManifest(em, other.id, 0, CHUNKS));
      const { storage } = scene.start();
      for (const [index, { blob }] of kept.entries()) {
        expect((await readAll(storage, blob)).equals((stored[index] as TestBlob).bytes)).toBe(true);
      }
      expect(kept).toHaveLength(CHUNKS);
      // The last who refers to them goes, and they go with it.
      await close(scene, other);
      await free(scene);
    }
    expect(await rows(scene)).toEqual([]);
    expect(await blobs(scene)).toEqual([]);
  });

  test("files deleted while copies of their chunks are added: nothing is left of them", async () => {
    const scene = await Scene.open(dialect, { nodes: 3 });
    for (let round = 0; round < ROUNDS; round++) {
      const { file, blobs: stored } = await fileOf(scene, ["node1"]);
      const { queue, upkeep } = scene.start();
      await queue.add(stored.map(({ id }) => [id, "UNDER_REPLICATED"] as const));
      const remove = async () => {
        await soon();
        await close(scene, file);
        await free(scene);
      };
      await Promise.all([upkeep.repairer.run(noSignal), remove()]);
      await scene.hurry();
      await upkeep.repairer.run(noSignal);
    }
    expect(await rows(scene)).toEqual([]);
    expect(await blobs(scene)).toEqual([]);
  });

  test("files that can't be freed, since a node is away, keep no other waiting, and are freed when it is back", async () => {
    const scene = await Scene.open(dialect);
    const stuck = [];
    for (let i = 0; i < 101; i++) {
      const file = await scene.upload();
      stuck.push(await scene.chunk(["node1"], 100, undefined, file));
      await close(scene, file);
    }
    const last = await scene.upload();
    const blob = await scene.chunk(["node2"], 100, undefined, last);
    await close(scene, last);
    scene.disk("node1").fail.remove = new Error("away");
    const warned: object[] = [];
    const log = { warn: (facts: object) => void warned.push(facts) };
    await new Freer(scene.database, scene.start().storage, log).run(noSignal);
    expect(warned).toHaveLength(stuck.length);
    expect(await scene.holders(blob)).toEqual([]);
    expect(await rows(scene)).toHaveLength(stuck.length);
    delete scene.disk("node1").fail.remove;
    await free(scene);
    expect(await rows(scene)).toEqual([]);
    expect(await blobs(scene)).toEqual([]);
  });

  test("a dead node that is drained lets go of what is being freed", async () => {
    const scene = await Scene.open(dialect, { nodes: 3 });
    const { file } = await fileOf(scene, ["node1", "node2"]);
    await close(scene, file);
    scene.disk("node1").fail.probe = new Error("dead");
    scene.disk("node1").fail.remove = new Error("dead");
    const { drainer } = scene.start().upkeep;
    expect(await drainer.drainNode("node1")).toEqual({ total: CHUNKS, moved: CHUNKS, failed: 0 });
    expect(await drainer.left("node1")).toBe(0);
    await free(scene);
    expect(await rows(scene)).toEqual([]);
  });
});
