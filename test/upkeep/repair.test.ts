import { v7 as uuidv7 } from "uuid";
import { describe, expect, test } from "vitest";
import { InsufficientStorageError } from "../../src/errors.ts";
import { type HeldLease, LeaseLostError } from "../../src/upkeep/leases.ts";
import { makeBlob, readAll, store } from "../storage/blobs.ts";
import { dialects } from "../support/databases.ts";
import { noSignal, Scene } from "./scene.ts";

const full = () => new InsufficientStorageError(new Error("ENOSPC"));

describe.each(dialects)("repair on %s", (dialect) => {
  describe("what is queued", () => {
    test("a read queues the replica that it found missing or corrupt, and gives the bytes", async () => {
      const scene = await Scene.open(dialect);
      const { storage, queue } = scene.start();
      const [lost, bad, good] = [await scene.chunk(), await scene.chunk(), await scene.chunk()];
      await scene.local("node1").lose(lost);
      await scene.local("node2").corrupt(bad, 100);
      // Which replica is read is up to chance.
      for (let count = 0; count < 30; count++) {
        for (const blob of [lost, bad, good]) expect((await readAll(storage, blob)).equals(blob.bytes)).toBe(true);
      }
      await queue.flush();
      const reasons = (await scene.queued()).map(({ chunkId, reason }) => ({ chunkId, reason }));
      expect(reasons).toEqual([
        { chunkId: lost.id, reason: "MISSING" },
        { chunkId: bad.id, reason: "CORRUPT" },
      ]);
    });

    test("a thousand reports are a statement or two, and wait for no flush", async () => {
      const scene = await Scene.open(dialect);
      const { queue } = scene.start();
      let statements = 0;
      const transaction = scene.database.transaction.bind(scene.database);
      scene.database.transaction = (work) => {
        statements++;
        return transaction(work);
      };
      const ids = Array.from({ length: 300 }, () => uuidv7());
      for (let time = 0; time < 4; time++) for (const id of ids) queue.report(id, "MISSING");
      await expect.poll(async () => (await scene.queued()).length, { timeout: 5_000 }).toBe(300);
      for (const id of ids) queue.report(id, "CORRUPT");
      await queue.flush();
      expect(statements).toBe(2);
      expect((await scene.queued()).every(({ reason }) => reason === "MISSING")).toBe(true);
    });

    test("a report that can't be written is written later", async () => {
      const scene = await Scene.open(dialect);
      const { queue } = scene.start();
      const { transaction } = scene.database;
      scene.database.transaction = () => Promise.reject(new Error("away"));
      queue.report(uuidv7(), "MISSING");
      await queue.flush();
      scene.database.transaction = transaction;
      await queue.flush();
      expect(await scene.queued()).toHaveLength(1);
    });

    test("a chunk that was stored with too few copies gets the others, also when its row comes late", async () => {
      const scene = await Scene.open(dialect);
      const { storage, queue, upkeep } = scene.start();
      scene.disk("node1").fail.create = new Error("EIO");
      const blob = await store(storage, 10_000);
      scene.disk("node1").fail = {};
      await queue.flush();
      await upkeep.repairer.run(noSignal);
      expect(await scene.queued()).toMatchObject([{ chunkId: blob.id, reason: "UNDER_REPLICATED", attempts: 1 }]);
      await scene.record(blob);
      await scene.hurry();
      await upkeep.repairer.run(noSignal);
      await scene.expectOn(blob, ["node1", "node2"]);
      expect(await scene.queued()).toEqual([]);
    });
  });

  test.for(["lose", "corrupt", "truncate"] as const)(
    "a replica that suffered %s is replaced in its place",
    async (harm) => {
      const scene = await Scene.open(dialect, { nodes: 3 });
      const { queue, upkeep } = scene.start();
      const blobs = [await scene.chunk(["node1", "node2"], 700_000), await scene.chunk(["node2", "node3"])];
      for (const blob of blobs) {
        await scene.local("node2")[harm](blob, 5);
        queue.report(blob.id, "CORRUPT");
      }
      await queue.flush();
      expect(await upkeep.repairer.run(noSignal)).toBe(false);
      await scene.expectOn(blobs[0] as never, ["node1", "node2"]);
      await scene.expectOn(blobs[1] as never, ["node2", "node3"]);
      expect(await scene.queued()).toEqual([]);
      expect(await scene.aside()).toEqual([]);
    },
  );

  test("the bad copy is kept until a good one is durable", async () => {
    const scene = await Scene.open(dialect);
    const { queue, upkeep } = scene.start();
    const blob = await scene.chunk();
    await scene.local("node1").corrupt(blob, 5);
    await queue.add([[blob.id, "CORRUPT"]]);
    scene.disk("node1").fail.commit = new Error("EIO");
    await upkeep.repairer.run(noSignal);
    expect(await scene.aside()).toEqual([blob.id]);
    expect(await scene.queued()).toMatchObject([{ attempts: 1 }]);
    scene.disk("node1").fail = {};
    await scene.hurry();
    await upkeep.repairer.run(noSignal);
    await scene.expectOn(blob, ["node1", "node2"]);
    expect(await scene.aside()).toEqual([]);
  });

  test("bytes whose block checksums hold but whose SHA-256 doesn't are bad", async () => {
    const scene = await Scene.open(dialect);
    const { queue, upkeep } = scene.start();
    const blob = await scene.chunk();
    // The database says other bytes than were written: as if something had changed both bytes and checksums.
    const digest = Buffer.alloc(32);
    await scene.database.transaction((em) =>
      em.execute("update chunks set sha256 = ? where id = ?", [digest, blob.id], "run"),
    );
    await queue.add([[blob.id, "CORRUPT"]]);
    await upkeep.repairer.run(noSignal);
    expect(await scene.queued()).toMatchObject([{ reason: "UNRESTORABLE" }]);
  });

  test.for(["down", "full"])("a bad replica's node that is %s is replaced by another", async (what) => {
    const scene = await Scene.open(dialect, { nodes: 3 });
    const { queue, upkeep } = scene.start();
    const blob = await scene.chunk(["node1", "node2"]);
    await scene.local("node1").corrupt(blob, 5);
    if (what === "down") scene.disk("node1").fail.probe = new Error("EIO");
    else scene.disk("node1").fail.create = full();
    await queue.add([[blob.id, "CORRUPT"]]);
    await upkeep.repairer.run(noSignal);
    expect(await scene.rows(blob.id)).toEqual(["node2", "node3"]);
    expect(await scene.queued()).toEqual([]);
    if (what === "full") return scene.expectOn(blob, ["node2", "node3"]);
    // It comes back with its copy: a sweep finds that no row tells of it.
    scene.disk("node1").fail = {};
    await upkeep.sweeper.run(noSignal, undefined, 0);
    expect(await scene.queued()).toMatchObject([{ chunkId: blob.id, reason: "STRAY" }]);
    await upkeep.repairer.run(noSignal);
    await scene.expectOn(blob, ["node2", "node3"]);
  });

  test("with no other node, a chunk waits longer each time for one that is down, and nothing is dropped", async () => {
    const scene = await Scene.open(dialect);
    const { queue, upkeep } = scene.start();
    const blob = await scene.chunk();
    scene.disk("node1").fail.probe = new Error("EIO");
    await queue.add([[blob.id, "MISSING"]]);
    const waits: number[] = [];
    for (let attempts = 1; attempts <= 3; attempts++) {
      await scene.hurry();
      await upkeep.repairer.run(noSignal);
      const [entry] = await scene.queued();
      expect(entry).toMatchObject({ attempts, reason: "MISSING" });
      waits.push((entry?.nextAttemptAt.getTime() ?? 0) - Date.now());
    }
    expect(waits[0]).toBeGreaterThan(500);
    expect(waits[2]).toBeGreaterThan((waits[0] ?? 0) * 2);
    await scene.expectOn(blob, ["node1", "node2"]);
    scene.disk("node1").fail = {};
    await scene.hurry();
    await upkeep.repairer.run(noSignal);
    expect(await scene.queued()).toEqual([]);
    await scene.expectOn(blob, ["node1", "node2"]);
  });

  test("what was put off by a clock that was ahead is tried now", async () => {
    const scene = await Scene.open(dialect);
    const { queue } = scene.start();
    const { id } = await scene.chunk();
    await queue.add([[id, "MISSING"]]);
    const later = "update repairs set next_attempt_at = ?";
    const at = (ms: number) =>
      scene.database.transaction((em) => em.execute(later, [new Date(Date.now() + ms)], "run"));
    await at(3600_000);
    expect(await queue.due(10)).toEqual([]);
    await at(10 * 24 * 3600_000);
    expect(await queue.due(10)).toHaveLength(1);
  });

  test("with no good replica, the bad ones stay as they are, and it is told", async () => {
    const scene = await Scene.open(dialect, { nodes: 3 });
    const { queue, upkeep } = scene.start();
    const blob = await scene.chunk(["node1", "node2"], 600_000);
    await scene.local("node1").corrupt(blob, 5);
    await scene.local("node2").corrupt(blob, 599_000);
    await queue.add([[blob.id, "CORRUPT"]]);
    await upkeep.repairer.run(noSignal);
    await scene.hurry();
    await upkeep.repairer.run(noSignal);
    expect(await scene.rows(blob.id)).toEqual(["node1", "node2"]);
    expect(await scene.holders(blob)).toEqual(["node1!", "node2!"]);
    expect(await scene.aside()).toEqual([]);
    expect(await queue.length()).toEqual({ waiting: 1, unrestorable: 1 });
    const told = scene.logged.filter(({ level }) => level === "error");
    expect(told.filter(({ message }) => message.startsWith("no good copy"))).toHaveLength(2);
  });

  test("surplus copies go, those that placement would choose stay", async () => {
    const scene = await Scene.open(dialect, { nodes: 4 });
    const { queue, upkeep, storage } = scene.start();
    const blob = await scene.chunk(["node1", "node2", "node3"]);
    await scene.put("node4", blob);
    await queue.add([[blob.id, "STRAY"]]);
    await storage.probe();
    const order = storage.candidates(blob.id, blob.size, new Set(["node4"])).map(({ name }) => name);
    await upkeep.repairer.run(noSignal);
    await scene.expectOn(blob, order.slice(0, 2).sort());
  });

  test("a copy that no row tells of serves where one is missing, if it is good", async () => {
    const scene = await Scene.open(dialect, { nodes: 4 });
    const { queue, upkeep } = scene.start();
    const [kept, bad] = [await scene.chunk(["node1"]), await scene.chunk(["node1"])];
    for (const name of ["node2", "node3", "node4"]) {
      await scene.put(name, kept);
      await scene.put(name, { ...bad, bytes: makeBlob(bad.size).bytes });
    }
    for (const { id } of [kept, bad]) await queue.add([[id, "UNDER_REPLICATED"]]);
    await upkeep.repairer.run(noSignal);
    for (const blob of [kept, bad]) {
      const rows = await scene.rows(blob.id);
      expect(rows).toHaveLength(2);
      await scene.expectOn(blob, rows);
    }
    expect(await scene.aside()).toEqual([]);
  });

  test("a chunk that was deleted meanwhile is dropped from the queue, and nothing comes back", async () => {
    const scene = await Scene.open(dialect);
    const { queue, upkeep } = scene.start();
    const blob = await scene.chunk();
    await scene.local("node1").lose(blob);
    await scene.local("node2").corrupt(blob, 5);
    await scene.local("node2").node.setAside(blob.id);
    await scene.closeFile();
    await queue.add([
      [blob.id, "MISSING"],
      [uuidv7(), "STRAY"],
    ]);
    await upkeep.repairer.run(noSignal);
    expect(await scene.queued()).toEqual([]);
    expect(await scene.holders(blob)).toEqual([]);
    expect(await scene.aside()).toEqual([]);
    expect(scene.logged.filter(({ level }) => level === "error")).toEqual([]);
  });

  test("a chunk that is deleted while it is copied leaves no blob", async () => {
    const scene = await Scene.open(dialect, { nodes: 3 });
    const { queue, upkeep } = scene.start();
    const blob = await scene.chunk(["node1"]);
    for (const name of ["node2", "node3"]) {
      const disk = scene.disk(name);
      const create = disk.create.bind(disk);
      disk.create = async (...args) => {
        await scene.closeFile();
        return create(...args);
      };
    }
    await queue.add([[blob.id, "UNDER_REPLICATED"]]);
    await upkeep.repairer.run(noSignal);
    await scene.expectOn(blob, ["node1"]);
  });

  test("a chunk that is deleted while its bad copy is replaced leaves nothing set aside", async () => {
    const scene = await Scene.open(dialect);
    const { queue, upkeep } = scene.start();
    const blob = await scene.chunk();
    await scene.local("node2").corrupt(blob, 5);
    const disk = scene.disk("node2");
    const create = disk.create.bind(disk);
    disk.create = async (...args) => {
      expect(await scene.aside()).toEqual([blob.id]);
      await scene.closeFile();
      return create(...args);
    };
    await queue.add([[blob.id, "CORRUPT"]]);
    await upkeep.repairer.run(noSignal);
    expect(await scene.holders(blob)).toEqual(["node1"]);
    expect(await scene.aside()).toEqual([]);
  });

  test("two instances at once make the copies once", async () => {
    const scene = await Scene.open(dialect, { nodes: 3 });
    const [one, two] = [scene.start(), scene.start()];
    const blobs = [];
    for (let count = 0; count < 20; count++) blobs.push(await scene.chunk(["node1"]));
    await one.queue.add(blobs.map(({ id }) => [id, "UNDER_REPLICATED"] as const));
    await Promise.all([one, two].map(({ upkeep }) => upkeep.repairer.run(noSignal)));
    expect(await scene.queued()).toEqual([]);
    for (const blob of blobs) {
      const rows = await scene.rows(blob.id);
      expect(rows).toHaveLength(2);
      await scene.expectOn(blob, rows);
    }
    const creates = [...scene.disks.values()].flatMap(({ calls }) => calls.filter((call) => call === "create"));
    expect(creates).toHaveLength(20);
  });

  test("one that lost its lease without knowing changes nothing", async () => {
    const scene = await Scene.open(dialect, { nodes: 3 });
    const [short, surplus] = [await scene.chunk(["node1"]), await scene.chunk(["node1", "node2", "node3"])];
    const lost: HeldLease = { signal: noSignal, check: async () => Promise.reject(new LeaseLostError("copies")) };
    for (const { id } of [short, surplus]) {
      await expect(scene.restorer().restore(id, lost)).rejects.toBeInstanceOf(LeaseLostError);
    }
    expect(await scene.rows(short.id)).toEqual(["node1"]);
    await scene.expectOn(surplus, ["node1", "node2", "node3"]);
  });

  test("two that think they are alone don't remove each other's last copies", async () => {
    const scene = await Scene.open(dialect, { nodes: 2, replicas: 1 });
    const blob = await scene.chunk(["node1", "node2"]);
    const alone: HeldLease = { signal: noSignal, check: async () => {} };
    const [first, second] = ["node1", "node2"].map((leave) => ({ leave: new Set([leave]) }));
    const transaction = scene.database.transaction.bind(scene.database);
    scene.database.transaction = async (work) => {
      scene.database.transaction = transaction;
      expect(await scene.restorer().restore(blob.id, alone, first)).toBe("RESTORED");
      return transaction(work);
    };
    await expect(scene.restorer().restore(blob.id, alone, second)).rejects.toThrow("changed meanwhile");
    await scene.expectOn(blob, ["node2"]);
  });

  test("goes no faster than its rate", async () => {
    const scene = await Scene.open(dialect, { repairRate: 1_000_000 });
    const { queue, upkeep } = scene.start();
    for (let count = 0; count < 5; count++) {
      const blob = await scene.chunk(["node1"], 200_000);
      await queue.add([[blob.id, "UNDER_REPLICATED"]]);
    }
    const begin = performance.now();
    await upkeep.repairer.run(noSignal);
    // The first passes at once; each of the others waits for the ones before.
    expect(performance.now() - begin).toBeGreaterThan(750);
    expect(await scene.queued()).toEqual([]);
  });

  test("stops when told to, and goes on at the next call", async () => {
    const scene = await Scene.open(dialect);
    const { queue, upkeep } = scene.start();
    const blobs = [];
    for (let count = 0; count < 30; count++) blobs.push(await scene.chunk(["node1"]));
    await queue.add(blobs.map(({ id }) => [id, "UNDER_REPLICATED"] as const));
    const stop = new AbortController();
    const disk = scene.disk("node2");
    const create = disk.create.bind(disk);
    disk.create = async (...args) => {
      if (disk.calls.filter((call) => call === "create").length === 10) stop.abort();
      return create(...args);
    };
    await upkeep.repairer.run(stop.signal).catch((error) => expect(error).toBe(stop.signal.reason));
    const left = (await scene.queued()).length;
    expect(left).toBeGreaterThan(10);
    expect(left).toBeLessThan(30);
    await upkeep.repairer.run(noSignal);
    expect(await scene.queued()).toEqual([]);
    for (const blob of blobs) await scene.expectOn(blob, ["node1", "node2"]);
  });
});

test("a node whose reads stall holds up no repair", async () => {
  const scene = await Scene.open("sqlite", { nodes: 3, nodeTimeoutMs: 1_000 });
  const stalled = await scene.chunk(["node1", "node2"]);
  const short = await scene.chunk(["node2"]);
  scene.disk("node1").stall.add("read");
  const { queue, upkeep } = scene.start();
  await queue.add([stalled, short].map(({ id }) => [id, "UNDER_REPLICATED"] as const));
  await upkeep.repairer.run(noSignal);
  expect(await scene.rows(short.id)).toHaveLength(2);
  expect(await scene.rows(stalled.id)).toContain("node3");
  scene.disk("node1").letGo();
});
