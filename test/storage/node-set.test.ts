import { v7 } from "uuid";
import { describe, expect, test } from "vitest";
import { DataUnavailableError, InsufficientStorageError, ServiceUnavailableError } from "../../src/errors.ts";
import { NodeSet } from "../../src/storage/cluster/node-set.ts";
import { BLOCK_SIZE } from "../../src/storage/storage-node.ts";
import { idsOf, MIB, makeBlob, readAll, readUntilEnd, store, writeBytes } from "./blobs.ts";
import { openLocal } from "./local-harness.ts";
import { broken, full, holdersOf, idRanked, setUp } from "./node-set-harness.ts";
import { describeStorageNode, type NodeHarness } from "./storage-node-contract.ts";

async function asHarness(nodeCount: number, replicas: number): Promise<NodeHarness> {
  const { set, locals } = await setUp(nodeCount, replicas);
  const holders = (nodes: readonly string[]) => nodes.flatMap((name) => locals.get(name) ?? []);
  return {
    node: set,
    corrupt: async (blob, offset) => void (await Promise.all(holders(blob.nodes).map((n) => n.corrupt(blob, offset)))),
    truncate: async (blob, size) => void (await Promise.all(holders(blob.nodes).map((n) => n.truncate(blob, size)))),
    lose: async (blob) => void (await Promise.all(holders(blob.nodes).map((n) => n.lose(blob)))),
  };
}

describeStorageNode("NodeSet with 1 replica on 3 nodes", () => asHarness(3, 1));
describeStorageNode("NodeSet with 2 replicas on 2 nodes", () => asHarness(2, 2));
describeStorageNode("NodeSet with 2 replicas on 3 nodes", () => asHarness(3, 2));

describe("NodeSet writes", () => {
  test("put as many copies on as many nodes as wanted, and name them", async () => {
    const { set } = await setUp(4, 3);
    const blob = await store(set, 2 * MIB + 7);
    expect(blob.nodes).toHaveLength(3);
    expect(await holdersOf(set, blob.id)).toEqual([...blob.nodes].sort());
    for (const name of blob.nodes) {
      const node = set.nodes.get(name);
      expect(node && (await readAll(node, blob)).equals(blob.bytes)).toBe(true);
    }
  });

  test("spread over the nodes by their free space", async () => {
    const { set, disk } = await setUp(3, 1);
    disk("node1").freeBytes = 8e12;
    disk("node2").freeBytes = 2e12;
    disk("node3").freeBytes = 0;
    await set.probe();
    const blobs = await Promise.all(Array.from({ length: 300 }, () => store(set, 1)));
    const count = (name: string) => blobs.filter(({ nodes }) => nodes[0] === name).length;
    expect(count("node3")).toBe(0);
    expect(count("node1")).toBeGreaterThan(200);
    expect(count("node2")).toBeGreaterThan(25);
  });

  test("a node that can't tell its room counts as much as the emptiest", async () => {
    const { set, disk } = await setUp(2, 1);
    disk("node1").freeBytes = null;
    await set.probe();
    const blobs = await Promise.all(Array.from({ length: 200 }, () => store(set, 1)));
    const onFirst = blobs.filter(({ nodes }) => nodes[0] === "node1").length;
    expect(onFirst).toBeGreaterThan(60);
    expect(onFirst).toBeLessThan(140);
  });

  test("go to the next node when one fails at the start", async () => {
    const { set, disk, logged } = await setUp(3, 2);
    disk("node2").fail.create = broken();
    for (let count = 0; count < 10; count++) {
      const blob = await store(set, 1000);
      expect([...blob.nodes].sort()).toEqual(["node1", "node3"]);
    }
    expect(logged.some(({ facts }) => facts["node"] === "node2" && facts["blob"] !== undefined)).toBe(true);
  });

  test.for(["write", "commit"] as const)(
    "a node that fails in its %s is dropped, and another gets a copy before the answer",
    async (step) => {
      const { set, disk, locals } = await setUp(3, 2);
      disk("node1").fail[step] = broken();
      disk("node1").failAfter = MIB;
      for (let count = 0; count < 5; count++) {
        const blob = await store(set, 3 * MIB + 7);
        expect([...blob.nodes].sort()).toEqual(["node2", "node3"]);
        expect(await holdersOf(set, blob.id)).toEqual(["node2", "node3"]);
        for (const name of blob.nodes) {
          const local = locals.get(name);
          expect(local && (await readAll(local.node, blob)).equals(blob.bytes)).toBe(true);
        }
      }
    },
  );

  test("one copy is enough for an answer, with a warning", async () => {
    const { set, disk, logged } = await setUp(2, 2);
    disk("node1").fail.write = broken();
    const blob = await store(set, MIB);
    expect(blob.nodes).toEqual(["node2"]);
    expect((await readAll(set, blob)).equals(blob.bytes)).toBe(true);
    expect(logged).toContainEqual(expect.objectContaining({ message: "Blob has fewer copies than wanted" }));
  });

  test("a copy that fails leaves nothing and goes to the next node", async () => {
    const { set, disk } = await setUp(4, 2);
    disk("node1").fail.write = broken();
    disk("node2").fail.commit = broken();
    const id = idRanked("node1", "node3", "node2", "node4");
    const blob = await store(set, MIB, id);
    expect([...blob.nodes].sort()).toEqual(["node3", "node4"]);
    expect(await holdersOf(set, blob.id)).toEqual(["node3", "node4"]);
    expect(disk("node2").calls).toContain("abort");
  });

  test("abort takes back the copy that was made for a failed node", async () => {
    const { set, disk } = await setUp(3, 2);
    disk("node1").fail.commit = broken();
    const blob = makeBlob(1000, idRanked("node1", "node2", "node3"));
    const writer = await set.create(blob.id, blob.size);
    await writer.write([blob.bytes]);
    expect(await writer.commit(blob)).toEqual(["node2", "node3"]);
    await writer.abort();
    expect(await holdersOf(set, blob.id)).toEqual([]);
  });

  test.for(["create", "write", "commit"] as const)(
    "full nodes everywhere in %s: INSUFFICIENT_STORAGE",
    async (step) => {
      const { set, disks } = await setUp(2, 2);
      for (const disk of disks) disk.fail[step] = full();
      await expect(store(set, 1000)).rejects.toBeInstanceOf(InsufficientStorageError);
      expect(await idsOf(set)).toEqual(new Set());
    },
  );

  test.for(["create", "write", "commit"] as const)(
    "failing nodes everywhere in %s: SERVICE_UNAVAILABLE",
    async (step) => {
      const { set, disks } = await setUp(2, 2);
      for (const disk of disks) disk.fail[step] = broken();
      await expect(store(set, 1000)).rejects.toBeInstanceOf(ServiceUnavailableError);
      expect(await idsOf(set)).toEqual(new Set());
    },
  );

  test("an id that one node has already is refused everywhere", async () => {
    const { set, disk } = await setUp(2, 2);
    disk("node2").fail.create = broken();
    const blob = await store(set, 1000);
    disk("node2").fail = {};
    const writer = await set.create(blob.id, 1000);
    await writer.write([Buffer.alloc(1000)]);
    await expect(writer.commit()).rejects.toMatchObject({ name: "BlobExistsError" });
    expect(await holdersOf(set, blob.id)).toEqual(["node1"]);
    expect((await readAll(set, blob)).equals(blob.bytes)).toBe(true);
  });

  test("a client that leaves is no fault of a node", async () => {
    const { set, logged } = await setUp(2, 2);
    const controller = new AbortController();
    const writer = await set.create(v7(), 2000, controller.signal);
    controller.abort();
    await expect(writer.write([Buffer.alloc(1000)])).rejects.toBe(controller.signal.reason);
    await writer.abort();
    expect(logged).toEqual([]);
  });

  test("the slowest node sets the pace", async () => {
    const { set, disk } = await setUp(2, 2);
    let letGo = () => {};
    const slow = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const node = disk("node2");
    const create = node.create.bind(node);
    node.create = async (...args) => {
      const writer = await create(...args);
      return { ...writer, write: async (buffers) => slow.then(() => writer.write(buffers)) };
    };
    const blob = makeBlob(1000);
    const writer = await set.create(blob.id, blob.size);
    let written = false;
    const writing = writeBytes(writer, blob.bytes).then(() => {
      written = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(written).toBe(false);
    letGo();
    await writing;
    expect(await writer.commit()).toHaveLength(2);
  });
});

describe("NodeSet health", () => {
  test("a node whose probe failed takes no blobs until a probe succeeds", async () => {
    const { set, disk } = await setUp(2, 1);
    disk("node1").fail.probe = broken();
    await set.probe();
    disk("node1").calls.length = 0;
    for (let count = 0; count < 20; count++) expect((await store(set, 1)).nodes).toEqual(["node2"]);
    expect(disk("node1").calls).toEqual([]);
    disk("node1").fail = {};
    await set.probe();
    const nodes = await Promise.all(Array.from({ length: 40 }, async () => (await store(set, 1)).nodes[0]));
    expect(new Set(nodes)).toEqual(new Set(["node1", "node2"]));
  });

  test("an old probe is renewed behind the write", async () => {
    const { set, disk } = await setUp(2, 1, { probeMaxAgeMs: 0 });
    const probe = new Promise<never>(() => {});
    disk("node1").probe = () => probe;
    disk("node2").probe = () => probe;
    await store(set, 1);
  });

  test("with every node down a write probes once more, then fails", async () => {
    const { set, disks } = await setUp(2, 1);
    for (const disk of disks) disk.fail.probe = broken();
    await expect(set.probe()).rejects.toBeInstanceOf(ServiceUnavailableError);
    await expect(store(set, 1)).rejects.toBeInstanceOf(ServiceUnavailableError);
    for (const disk of disks) disk.fail = {};
    await store(set, 1);
  });

  test("probe sums the room of the nodes that are up, status tells each", async () => {
    const { set, disk } = await setUp(3, 1);
    disk("node1").freeBytes = 5;
    disk("node2").freeBytes = 7;
    const error = broken();
    disk("node3").fail.probe = error;
    expect(await set.probe()).toEqual({ freeBytes: 12 });
    expect(await set.reports()).toEqual([
      { name: "node1", kind: "LOCAL", state: "UP", freeBytes: 5, failures: 0 },
      { name: "node2", kind: "LOCAL", state: "UP", freeBytes: 7, failures: 0 },
      { name: "node3", kind: "LOCAL", state: "DOWN", freeBytes: null, failures: 0, error },
    ]);
    disk("node2").freeBytes = null;
    expect(await set.probe()).toEqual({ freeBytes: null });
  });

  test("a probe that gives no answer counts as a failure", async () => {
    const { set, disk } = await setUp(2, 1, { nodeTimeoutMs: 1_000 });
    disk("node1").probe = () => new Promise(() => {});
    await set.probe();
    expect((await set.reports()).map(({ state }) => state)).toEqual(["DOWN", "UP"]);
  });

  test("two nodes of one name, or more copies than nodes, are refused", async () => {
    const { node } = await openLocal("node1");
    const logger = { warn() {}, error() {} };
    expect(() => new NodeSet({ nodes: [node, node], replicas: 1, logger })).toThrow(RangeError);
    expect(() => new NodeSet({ nodes: [node], replicas: 2, logger })).toThrow(RangeError);
    expect(() => new NodeSet({ nodes: [node], replicas: 0, logger })).toThrow(RangeError);
  });
});

describe("NodeSet reads", () => {
  test.for([0, 1, BLOCK_SIZE, MIB + 12_345])(
    "go on from another copy, at the next byte, when a node fails after %i bytes",
    async (failAfter) => {
      const { set, disk, logged } = await setUp(2, 2);
      const blob = await store(set, 3 * MIB + 7);
      disk("node1").fail.read = broken();
      disk("node1").failAfter = failAfter;
      // Which copy is read first is left to chance.
      for (let count = 0; count < 10 || logged.length === 0; count++) {
        const range = { start: count * 1001, end: blob.size - count };
        expect((await readAll(set, blob, range)).equals(blob.bytes.subarray(range.start, range.end))).toBe(true);
      }
      expect(logged).toContainEqual({
        facts: expect.objectContaining({ blob: blob.id, node: "node1", err: disk("node1").fail.read }),
        message: "Storage node failed: read",
      });
    },
  );

  test("put a blob together from copies that are bad in different places", async () => {
    const { set, locals } = await setUp(3, 3);
    const blob = await store(set, 4 * MIB + 7);
    await locals.get("node1")?.corrupt(blob, 5);
    await locals.get("node2")?.corrupt(blob, 2 * MIB + 5);
    for (let count = 0; count < 10; count++) expect((await readAll(set, blob)).equals(blob.bytes)).toBe(true);
    await locals.get("node3")?.lose(blob);
    // node1 has all but block 0, node2 all but block 8: whichever is first, the other carries on from there.
    const rounds = await Promise.all(Array.from({ length: 10 }, () => readUntilEnd(set, blob)));
    for (const { bytes } of rounds) expect(bytes.equals(blob.bytes.subarray(0, bytes.length))).toBe(true);
  });

  test("fail with DATA_UNAVAILABLE and every node's error when no copy is good", async () => {
    const { set, locals } = await setUp(2, 2);
    const blob = await store(set, 2 * MIB);
    await locals.get("node1")?.lose(blob);
    await locals.get("node2")?.corrupt(blob, MIB);
    const { bytes, error } = await readUntilEnd(set, blob);
    expect(error).toBeInstanceOf(DataUnavailableError);
    const { cause } = error as { cause: AggregateError };
    expect(cause.errors.map(({ name }: Error) => name).sort()).toEqual(["CorruptBlobError", "MissingBlobError"]);
    expect(bytes.equals(blob.bytes.subarray(0, bytes.length))).toBe(true);
  });

  test("pass over a node that isn't configured any more", async () => {
    const { set, logged } = await setUp(2, 1);
    const blob = await store(set, 1000);
    const moved = { ...blob, nodes: ["gone", ...blob.nodes] };
    expect((await readAll(set, moved)).equals(blob.bytes)).toBe(true);
    expect(logged).toContainEqual(expect.objectContaining({ facts: { blob: blob.id, node: "gone" } }));
    await expect(readAll(set, { ...blob, nodes: ["gone"] })).rejects.toBeInstanceOf(DataUnavailableError);
  });

  test("are shared by the copies, except by one that is down", async () => {
    const { set, disk, disks } = await setUp(2, 2);
    const blob = await store(set, 1000);
    for (let count = 0; count < 40; count++) await readAll(set, blob);
    for (const { calls } of disks) expect(calls.filter((call) => call === "read").length).toBeGreaterThan(5);
    disk("node1").fail.probe = broken();
    await set.probe();
    disk("node1").calls.length = 0;
    for (let count = 0; count < 20; count++) await readAll(set, blob);
    expect(disk("node1").calls).not.toContain("read");
    disk("node2").fail.read = broken();
    expect((await readAll(set, blob)).equals(blob.bytes)).toBe(true);
  });

  test("a client that leaves is no fault of a node", async () => {
    const { set, disks, logged } = await setUp(2, 2);
    const blob = await store(set, 4 * MIB);
    const controller = new AbortController();
    const reading = set.read(blob, { start: 0, end: blob.size }, controller.signal);
    await reading.next();
    controller.abort();
    await expect(reading.next()).rejects.toBe(controller.signal.reason);
    const destroyed = set.read(blob, { start: 0, end: blob.size });
    await destroyed.next();
    await expect(destroyed.throw(new Error("destroyed"))).rejects.toThrow("destroyed");
    expect(logged).toEqual([]);
    expect(disks.flatMap(({ calls }) => calls).filter((call) => call === "read")).toHaveLength(2);
  });
});

describe("NodeSet upkeep", () => {
  test("remove takes every copy, and rejects if a node can't be reached", async () => {
    const { set, disk } = await setUp(2, 2);
    const blob = await store(set, 1000);
    disk("node1").fail.remove = broken();
    await expect(set.remove(blob)).rejects.toThrow("EIO");
    expect(await holdersOf(set, blob.id)).toEqual(["node1"]);
    disk("node1").fail = {};
    await set.remove(blob);
    await set.remove({ id: blob.id, nodes: [...blob.nodes, "gone"] });
    expect(await holdersOf(set, blob.id)).toEqual([]);
  });

  test("list yields a blob for each copy, and fails when a node can't list", async () => {
    const { set, disk } = await setUp(2, 2);
    const blob = await store(set, 1000);
    const ids: string[] = [];
    for await (const { id } of set.list()) ids.push(id);
    expect(ids).toEqual([blob.id, blob.id]);
    disk("node2").fail.list = broken();
    await expect(idsOf(set)).rejects.toThrow("EIO");
  });
});
