import { v7 } from "uuid";
import { describe, expect, test } from "vitest";
import { InsufficientStorageError, ServiceUnavailableError } from "../../src/errors.ts";
import { BLOCK_SIZE } from "../../src/storage/storage-node.ts";
import { idsOf, MIB, makeBlob, openFiles, readAll, readUntilEnd, store, writeBytes } from "./blobs.ts";
import { openLocal } from "./local-harness.ts";
import { broken, full, holdersOf, idRanked, setUp } from "./node-set-harness.ts";

const QUICK = { nodeTimeoutMs: 1_000 };
/** So long that a test which waits for it fails. */
const PATIENT = { nodeTimeoutMs: 20_000 };

async function msOf(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

describe("a node that stalls", () => {
  test.for(["create", "write", "commit"] as const)(
    "in its %s is dropped, counted and left alone, and another gets the copy",
    async (step) => {
      const { set, disk } = await setUp(3, 2, QUICK);
      disk("node1").stall.add(step);
      const blob = await store(set, 3 * MIB + 7, idRanked("node1", "node2", "node3"));
      expect([...blob.nodes].sort()).toEqual(["node2", "node3"]);
      const [first] = await set.reports();
      expect(first).toMatchObject({ state: "DOWN", failures: 1, freeBytes: null });

      disk("node1").calls.length = 0;
      await store(set, MIB);
      expect(disk("node1").calls).toEqual([]);

      disk("node1").letGo();
      await expect.poll(() => holdersOf(set, blob.id)).toEqual(["node2", "node3"]);
    },
  );

  test("in the commit of a blob that ends early: the copy made in its place ends there too", async () => {
    const { set, disk } = await setUp(3, 2, QUICK);
    disk("node1").stall.add("commit");
    const blob = makeBlob(MIB + 5, idRanked("node1", "node2", "node3"));
    const writer = await set.create(blob.id, 3 * MIB);
    await writeBytes(writer, blob.bytes);
    expect([...(await writer.commit(blob))].sort()).toEqual(["node2", "node3"]);
    for (const name of ["node2", "node3"]) {
      expect((await readAll(disk(name), blob)).equals(blob.bytes), name).toBe(true);
    }
    disk("node1").letGo();
  });

  test("with one copy wanted fails the write, and the next one goes elsewhere", async () => {
    const { set, disk } = await setUp(2, 1, QUICK);
    disk("node1").stall.add("write");
    const id = idRanked("node1", "node2");
    await expect(store(set, 1000, id)).rejects.toBeInstanceOf(ServiceUnavailableError);
    expect((await store(set, 1000, id)).nodes).toEqual(["node2"]);
  });

  test.for([0, BLOCK_SIZE, MIB + 12_345])(
    "in a read after %i bytes is passed over within the response",
    async (after) => {
      const { set, disk } = await setUp(2, 2, QUICK);
      const blob = await store(set, 3 * MIB + 7);
      disk("node1").stall.add("read");
      disk("node1").failAfter = after;
      // Until the random choice has met node1.
      while ((await set.reports())[0]?.state === "UP") expect((await readAll(set, blob)).equals(blob.bytes)).toBe(true);
      disk("node1").calls.length = 0;
      await readAll(set, blob);
      expect(disk("node1").calls).toEqual([]);
      disk("node1").letGo();
      await expect.poll(() => openFiles(blob.id)).toBe(0);
    },
  );

  test("in the copy that makes up for another is passed over, too", async () => {
    const { set, disk } = await setUp(4, 2, QUICK);
    disk("node1").fail.commit = broken();
    disk("node3").stall.add("write");
    const blob = await store(set, MIB, idRanked("node1", "node2", "node3", "node4"));
    expect([...blob.nodes].sort()).toEqual(["node2", "node4"]);
    disk("node3").letGo();
    await expect.poll(() => holdersOf(set, blob.id)).toEqual(["node2", "node4"]);
  });

  test("comes back by itself, after a pause that grows from time to time", async () => {
    const probeMaxAgeMs = 100;
    const { set, disk } = await setUp(2, 1, { nodeTimeoutMs: 50, probeMaxAgeMs });
    const pauses: number[] = [];
    for (let time = 0; time < 3; time++) {
      disk("node1").stall.add("write");
      await store(set, 1, idRanked("node1", "node2")).catch(() => {});
      disk("node1").stall.clear();
      const down = async () => {
        await set.probeDue();
        return (await set.reports())[0]?.state;
      };
      pauses.push(await msOf(() => expect.poll(down, { interval: 5, timeout: 5000 }).toBe("UP")));
      // Distrust, which is shorter, is over by then.
      const preferred = () => store(set, 1, idRanked("node1", "node2"));
      await expect.poll(async () => (await preferred()).nodes, { interval: 5 }).toEqual(["node1"]);
    }
    // A busy machine makes them longer; part of each is over when the failed write comes back.
    for (const [time, pause] of pauses.entries()) expect(pause).toBeGreaterThan(0.75 * probeMaxAgeMs * 2 ** time);
  });
});

describe("a write quorum", () => {
  test("below the copies wanted: the answer doesn't wait for one that stalls", async () => {
    for (const step of ["create", "write", "commit"] as const) {
      const { set, disk } = await setUp(2, 2, { ...PATIENT, writeQuorum: 1 });
      disk("node2").stall.add(step);
      const id = v7();
      const ms = await msOf(async () => expect((await store(set, 3 * MIB, id)).nodes).toEqual(["node1"]));
      expect(ms).toBeLessThan(PATIENT.nodeTimeoutMs / 2);
      disk("node2").letGo();
      await expect.poll(() => holdersOf(set, id)).toEqual(["node1"]);
    }
  });

  test("below the copies wanted: all copies are made where no node stalls", async () => {
    const { set, disk } = await setUp(3, 2, { ...PATIENT, writeQuorum: 1 });
    expect((await store(set, MIB)).nodes).toHaveLength(2);
    disk("node1").fail.write = broken();
    expect([...(await store(set, MIB)).nodes].sort()).toEqual(["node2", "node3"]);
  });

  test.for(["create", "write", "commit"] as const)(
    "that can't be met for a failure in %s: SERVICE_UNAVAILABLE, and nothing is left behind",
    async (step) => {
      const { set, disk } = await setUp(2, 2, { ...QUICK, writeQuorum: 2 });
      disk("node1").fail[step] = broken();
      await expect(store(set, MIB)).rejects.toBeInstanceOf(ServiceUnavailableError);
      expect(await idsOf(set)).toEqual(new Set());
      disk("node1").fail = {};
      expect((await store(set, MIB)).nodes).toHaveLength(2);
    },
  );

  test.for(["create", "write", "commit"] as const)(
    "that can't be met for want of room in %s: INSUFFICIENT_STORAGE, and nothing is left behind",
    async (step) => {
      const { set, disk } = await setUp(2, 2, { ...QUICK, writeQuorum: 2 });
      disk("node1").fail[step] = full();
      await expect(store(set, MIB)).rejects.toBeInstanceOf(InsufficientStorageError);
      expect(await idsOf(set)).toEqual(new Set());
    },
  );

  test("that can't be met because a node is down: refused before a byte is sent", async () => {
    const { set, disk } = await setUp(2, 2, { ...QUICK, writeQuorum: 2 });
    disk("node1").fail.probe = broken();
    await set.probe();
    await expect(set.create(v7(), 1000)).rejects.toBeInstanceOf(ServiceUnavailableError);
  });

  test("that doesn't fit the copies is refused", async () => {
    await expect(setUp(2, 1, { writeQuorum: 2 })).rejects.toThrow(RangeError);
    await expect(setUp(2, 2, { writeQuorum: 0 })).rejects.toThrow(RangeError);
  });
});

describe("a node that fails", () => {
  test("in a write is the last choice for a while", async () => {
    const { set, disk } = await setUp(3, 1, { probeMaxAgeMs: 400 });
    disk("node1").fail.commit = broken();
    await expect(store(set, 1, idRanked("node1", "node2", "node3"))).rejects.toThrow();
    disk("node1").calls.length = 0;
    for (let count = 0; count < 10; count++) await store(set, 1);
    expect(disk("node1").calls).not.toContain("create");
    disk("node1").fail = {};
    const preferred = () => store(set, 1, idRanked("node1", "node2", "node3"));
    await expect.poll(async () => (await preferred()).nodes).toEqual(["node1"]);
  });

  test("for want of room fails no write that a retry would bring elsewhere", async () => {
    const { set, disk } = await setUp(2, 1);
    disk("node1").fail.write = full();
    const id = idRanked("node1", "node2");
    await expect(store(set, 1000, id)).rejects.toBeInstanceOf(ServiceUnavailableError);
    expect((await store(set, 1000, id)).nodes).toEqual(["node2"]);
  });

  test("for want of room that its free bytes don't tell of, such as inodes, has none until it has more of them", async () => {
    const { set, disk } = await setUp(2, 1, { probeMaxAgeMs: 20 });
    for (const name of ["node1", "node2"]) disk(name).fail.commit = full();
    await expect(store(set, 1000)).rejects.toThrow();
    await expect(store(set, 1000)).rejects.toThrow();
    for (let count = 0; count < 10; count++) {
      await expect(store(set, 1000)).rejects.toBeInstanceOf(InsufficientStorageError);
      await set.probe();
    }
    for (const name of ["node1", "node2"]) Object.assign(disk(name), { fail: {}, freeBytes: 2e12 });
    expect((await store(set, 1000)).nodes).toHaveLength(1);
  });

  test("has its room counted down by what is being written, until a probe tells", async () => {
    const { set, disk } = await setUp(2, 1);
    disk("node1").freeBytes = 10_000;
    disk("node2").freeBytes = 15_000;
    await set.probe();
    const writers = await Promise.all(Array.from({ length: 5 }, () => set.create(v7(), 5000)));
    const [node1, node2] = await set.reports();
    expect([node1?.freeBytes, node2?.freeBytes]).toEqual([0, 0]);
    await Promise.all(writers.map((writer) => writer.abort()));
  });

  test("is logged once for what it does to many requests", async () => {
    const { set, disk, logged } = await setUp(2, 2);
    const blobs = await Promise.all(Array.from({ length: 20 }, () => store(set, 1000)));
    disk("node1").fail = { create: broken(), read: broken(), probe: broken() };
    await Promise.all(Array.from({ length: 20 }, () => store(set, 1000)));
    await set.probe();
    await Promise.all(blobs.map((blob) => readAll(set, blob)));
    for (let count = 0; count < 20; count++) await store(set, 1000);
    disk("node1").fail = {};
    await set.probe();
    await expect.poll(async () => (await store(set, 1000)).nodes.length).toBe(2);
    const messages = logged.map(({ message }) => message);
    // The first node's, whichever comes first.
    expect(messages.filter((message) => message !== "Storage node failed: read").sort()).toEqual([
      "Blob has fewer copies than wanted",
      "Blobs have as many copies as wanted again",
      "Storage node failed: create",
      "Storage node is down",
      "Storage node is up again",
    ]);
    expect(messages.length).toBeLessThanOrEqual(6);
  });

  test("is asked by one probe at a time, however long it takes", async () => {
    const { set, disk } = await setUp(2, 1, QUICK);
    disk("node1").stall.add("probe");
    disk("node1").calls.length = 0;
    await set.probe();
    await set.probe();
    expect(disk("node1").calls).toEqual(["probe"]);
    expect((await set.reports()).map(({ state }) => state)).toEqual(["DOWN", "UP"]);
    disk("node1").letGo();
    await set.probe();
    expect((await set.reports()).map(({ state }) => state)).toEqual(["UP", "UP"]);
  });
});

describe("a draining node", () => {
  test("takes no new blobs and no copies, and gives what it has", async () => {
    const { set, disk } = await setUp(3, 2);
    const blob = await store(set, 1000, idRanked("node1", "node2", "node3"));
    set.setDraining(["node1", "unknown"]);
    expect((await set.reports()).map(({ state }) => state)).toEqual(["DRAINING", "UP", "UP"]);
    for (let count = 0; count < 20; count++) {
      expect([...(await store(set, 1000)).nodes].sort()).toEqual(["node2", "node3"]);
    }
    disk("node3").fail.write = broken();
    expect((await store(set, 1000)).nodes).toEqual(["node2"]);
    disk("node2").fail.read = broken();
    expect((await readAll(set, blob)).equals(blob.bytes)).toBe(true);
    set.setDraining([]);
    expect((await store(set, 1000, idRanked("node1", "node2", "node3"))).nodes).toEqual(["node1", "node2"]);
  });

  test("that fails its probe is DOWN", async () => {
    const { set, disk } = await setUp(2, 1);
    set.setDraining(["node1"]);
    disk("node1").fail.probe = broken();
    await set.probe();
    expect((await set.reports()).map(({ state }) => state)).toEqual(["DOWN", "UP"]);
  });

  test("counts as none where all drain: SERVICE_UNAVAILABLE", async () => {
    const { set } = await setUp(2, 1);
    set.setDraining(["node1", "node2"]);
    await expect(store(set, 1)).rejects.toBeInstanceOf(ServiceUnavailableError);
    await expect(set.probe()).rejects.toBeInstanceOf(ServiceUnavailableError);
  });
});

describe("admission", () => {
  test("a node whose place is not admitted is down, and takes nothing", async () => {
    let refused = "node1";
    const { set } = await setUp(2, 1, {
      admit: async ({ name }) => {
        if (name === refused) throw new Error("not the node");
      },
    });
    expect((await set.reports()).map(({ state }) => state)).toEqual(["DOWN", "UP"]);
    for (let count = 0; count < 10; count++) expect((await store(set, 1)).nodes).toEqual(["node2"]);
    refused = "";
    await set.probe();
    expect((await set.reports()).map(({ state }) => state)).toEqual(["UP", "UP"]);
  });
});

describe("damage is told", () => {
  async function withDamage(nodeCount: number) {
    const told: [string, string][] = [];
    const setup = await setUp(nodeCount, 2, { onDamage: (...damage) => told.push(damage) });
    return { ...setup, told };
  }

  test("of a copy that a read finds missing or corrupt", async () => {
    const { set, locals, told } = await withDamage(2);
    const [lost, bad] = [await store(set, MIB), await store(set, MIB)];
    await locals.get("node1")?.lose(lost);
    await locals.get("node2")?.corrupt(bad, BLOCK_SIZE);
    const toldOf = async () => {
      for (const blob of [lost, bad]) expect((await readAll(set, blob)).equals(blob.bytes)).toBe(true);
      return new Set(told.map((damage) => damage.join()));
    };
    await expect.poll(toldOf).toEqual(new Set([`${lost.id},MISSING`, `${bad.id},CORRUPT`]));
  });

  test("not of a node that is gone with all its blobs", async () => {
    const { set, disk, told } = await withDamage(2);
    const blob = await store(set, MIB);
    const empty = await openLocal("node1");
    disk("node1").read = (...args) => empty.node.read(...args);
    disk("node1").fail.probe = new Error("not mounted");
    for (let count = 0; count < 10; count++) await readAll(set, blob);
    await set.probe();
    expect(told).toEqual([]);
  });

  test("of a blob with fewer copies than wanted, once it is stored", async () => {
    const { set, disk, told } = await withDamage(2);
    disk("node1").fail.commit = broken();
    const blob = await store(set, 1000);
    expect(told).toEqual([[blob.id, "UNDER_REPLICATED"]]);
    disk("node2").fail.commit = broken();
    await expect(store(set, 1000)).rejects.toThrow();
    expect(told).toHaveLength(1);
  });
});

test("a client that leaves while a node stalls leaves nothing behind", async () => {
  const { set, disk } = await setUp(2, 2, QUICK);
  const controller = new AbortController();
  const blob = makeBlob(2 * MIB);
  const writer = await set.create(blob.id, blob.size, controller.signal);
  disk("node1").stall.add("write");
  const writing = writeBytes(writer, blob.bytes);
  controller.abort();
  await expect(writing).rejects.toBe(controller.signal.reason);
  await writer.abort();
  disk("node1").letGo();
  await expect.poll(() => idsOf(set)).toEqual(new Set());
  expect((await readUntilEnd(set, { ...blob, nodes: ["node1", "node2"] })).error).toBeInstanceOf(Error);
});

test("nothing is removed from a node that is known to be down: it fails at once", async () => {
  const { set, disk } = await setUp(2, 2, PATIENT);
  const blob = await store(set, 1000);
  disk("node1").fail.probe = new Error("away");
  await set.probe();
  disk("node1").remove = () => new Promise(() => {});
  await expect(set.remove(blob)).rejects.toBeInstanceOf(ServiceUnavailableError);
  expect(await holdersOf(set, blob.id)).toEqual(["node1"]);
});
