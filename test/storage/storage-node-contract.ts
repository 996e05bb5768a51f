import { v7 } from "uuid";
import { describe, expect, test } from "vitest";
import { BLOCK_SIZE, type StorageNode, type StoredBlob } from "../../src/storage/storage-node.ts";
import { idsOf, MIB, makeBlob, openFiles, readAll, readUntilEnd, store, writeBytes } from "./blobs.ts";

/** A node of its own for each test, and the hands to harm what it keeps: each harms every copy of the blob. */
export interface NodeHarness {
  node: StorageNode;
  /** Flips one bit of the byte at `offset`. */
  corrupt(blob: StoredBlob, offset: number): Promise<void>;
  truncate(blob: StoredBlob, size: number): Promise<void>;
  lose(blob: StoredBlob): Promise<void>;
}

/** What every storage node must do. `open` is called within each test and cleans up with `onTestFinished`. */
export function describeStorageNode(what: string, open: () => Promise<NodeHarness>): void {
  describe(`${what} keeps the storage node contract`, () => {
    test.for([1, 1000, BLOCK_SIZE - 1, BLOCK_SIZE, BLOCK_SIZE + 1, MIB, 5 * MIB + 7])(
      "%i bytes come back as they were written",
      async (size) => {
        const { node } = await open();
        const blob = await store(node, size);
        expect(blob.nodes.length).toBeGreaterThan(0);
        expect((await readAll(node, blob)).equals(blob.bytes)).toBe(true);
      },
    );

    test("any range gives just its bytes", async () => {
      const { node } = await open();
      const size = 3 * MIB + 7;
      const blob = await store(node, size);
      const edges = [0, 1, BLOCK_SIZE - 1, BLOCK_SIZE, BLOCK_SIZE + 1, MIB - 1, MIB, MIB + 1, 3 * MIB, size - 1, size];
      const ranges = edges.flatMap((start) => edges.filter((end) => end > start).map((end) => ({ start, end })));
      for (let count = 0; count < 50; count++) {
        const start = Math.floor(Math.random() * size);
        ranges.push({ start, end: start + 1 + Math.floor(Math.random() * (size - start)) });
      }
      for (const range of ranges) {
        const bytes = await readAll(node, blob, range);
        expect(bytes.equals(blob.bytes.subarray(range.start, range.end)), JSON.stringify(range)).toBe(true);
      }
    });

    test("the caller may reuse a buffer once its write resolved", async () => {
      const { node } = await open();
      const blob = makeBlob(2 * MIB);
      const writer = await node.create(blob.id, blob.size);
      const buffer = Buffer.alloc(100_003);
      for (let offset = 0; offset < blob.size; offset += buffer.length) {
        const length = blob.bytes.copy(buffer, 0, offset);
        await writer.write([buffer.subarray(0, length)]);
        buffer.fill(0);
      }
      const nodes = await writer.commit();
      expect((await readAll(node, { ...blob, nodes })).equals(blob.bytes)).toBe(true);
    });

    test.for([0, BLOCK_SIZE, MIB + 5, 2 * MIB + 6])(
      "a flipped bit at byte %i ends the read after the last good block before it",
      async (offset) => {
        const { node, corrupt } = await open();
        const blob = await store(node, 2 * MIB + 7);
        await corrupt(blob, offset);
        const { bytes, error } = await readUntilEnd(node, blob);
        expect(error).toBeInstanceOf(Error);
        const good = offset - (offset % BLOCK_SIZE);
        expect(bytes.length).toBe(good);
        expect(bytes.equals(blob.bytes.subarray(0, good))).toBe(true);
      },
    );

    test("a flipped bit outside the range's blocks does no harm", async () => {
      const { node, corrupt } = await open();
      const blob = await store(node, MIB);
      await corrupt(blob, BLOCK_SIZE - 1);
      const range = { start: BLOCK_SIZE, end: MIB };
      expect((await readAll(node, blob, range)).equals(blob.bytes.subarray(BLOCK_SIZE))).toBe(true);
    });

    test("a flipped bit next to the range, in the same block, ends the read before its first byte", async () => {
      const { node, corrupt } = await open();
      const blob = await store(node, MIB);
      await corrupt(blob, 0);
      const { bytes, error } = await readUntilEnd(node, blob, { start: 1, end: 2 });
      expect(error).toBeInstanceOf(Error);
      expect(bytes.length).toBe(0);
    });

    test.for([0, 1, BLOCK_SIZE, MIB + BLOCK_SIZE + 1, 2 * MIB + 6])(
      "a blob cut to %i bytes gives none but right bytes, then an error",
      async (size) => {
        const { node, truncate } = await open();
        const blob = await store(node, 2 * MIB + 7);
        await truncate(blob, size);
        const { bytes, error } = await readUntilEnd(node, blob);
        expect(error).toBeInstanceOf(Error);
        expect(bytes.equals(blob.bytes.subarray(0, bytes.length))).toBe(true);
      },
    );

    test("a lost blob can't be read", async () => {
      const { node, lose } = await open();
      const blob = await store(node, 1000);
      await lose(blob);
      await expect(readAll(node, blob)).rejects.toThrow();
    });

    test("an id that exists is refused, and the old bytes stay", async () => {
      const { node } = await open();
      const blob = await store(node, BLOCK_SIZE + 1);
      const writer = await node.create(blob.id, blob.size);
      await writer.write([Buffer.alloc(blob.size)]);
      await expect(writer.commit()).rejects.toThrow();
      await writer.abort();
      expect((await readAll(node, blob)).equals(blob.bytes)).toBe(true);
    });

    test("of two writers of the same id at once only one wins", async () => {
      const { node } = await open();
      const blob = makeBlob(1000);
      const writers = await Promise.all([node.create(blob.id, blob.size), node.create(blob.id, blob.size)]);
      await Promise.all(writers.map((writer) => writer.write([blob.bytes])));
      const outcomes = await Promise.allSettled(writers.map((writer) => writer.commit()));
      const nodes = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
      expect(nodes.length).toBeLessThanOrEqual(1);
      if (nodes[0] !== undefined) {
        expect((await readAll(node, { ...blob, nodes: nodes[0] })).equals(blob.bytes)).toBe(true);
      }
    });

    test("commit refuses fewer bytes than announced and leaves nothing", async () => {
      const { node } = await open();
      const writer = await node.create(v7(), 1000);
      await writer.write([Buffer.alloc(999)]);
      await expect(writer.commit()).rejects.toThrow();
      expect(await idsOf(node)).toEqual(new Set());
    });

    test.for([1, BLOCK_SIZE, MIB + 5])("commit may end a blob early, at %i bytes", async (size) => {
      const { node } = await open();
      const blob = makeBlob(size);
      const writer = await node.create(blob.id, 3 * MIB);
      await writeBytes(writer, blob.bytes);
      const nodes = await writer.commit({ size });
      expect((await readAll(node, { ...blob, nodes })).equals(blob.bytes)).toBe(true);
    });

    test.for([1, 5 * MIB, 5 * MIB + 1, 12 * MIB + 5])(
      "commit may end a blob early that was to be large, at %i bytes",
      async (size) => {
        const { node } = await open();
        const blob = makeBlob(size);
        const writer = await node.create(blob.id, 20 * MIB);
        await writeBytes(writer, blob.bytes);
        const nodes = await writer.commit({ size });
        expect((await readAll(node, { ...blob, nodes })).equals(blob.bytes)).toBe(true);
        const listed = await Array.fromAsync(node.list());
        expect(new Map(listed.map(({ id, size }) => [id, size]))).toEqual(new Map([[blob.id, size]]));
        await writer.abort();
        expect(await idsOf(node)).toEqual(new Set());
      },
    );

    test.for([999, 1001])("commit with %i bytes refuses 1000, and leaves nothing", async (size) => {
      const { node } = await open();
      const writer = await node.create(v7(), 2000);
      await writer.write([Buffer.alloc(1000)]);
      await expect(writer.commit({ size })).rejects.toThrow();
      expect(await idsOf(node)).toEqual(new Set());
    });

    test("more bytes than announced are refused at once, and nothing is left", async () => {
      const { node } = await open();
      const writer = await node.create(v7(), 1000);
      await writer.write([Buffer.alloc(1000)]);
      await expect(writer.write([Buffer.alloc(1)])).rejects.toThrow();
      await expect(writer.commit()).rejects.toThrow();
      expect(await idsOf(node)).toEqual(new Set());
    });

    test("abort before commit leaves nothing, and may be repeated", async () => {
      const { node } = await open();
      const writer = await node.create(v7(), 1000);
      await writer.write([Buffer.alloc(1000)]);
      await writer.abort();
      await writer.abort();
      await expect(writer.commit()).rejects.toThrow();
      expect(await idsOf(node)).toEqual(new Set());
    });

    test("abort after commit removes the blob, and may be repeated", async () => {
      const { node } = await open();
      const blob = makeBlob(1000);
      const writer = await node.create(blob.id, blob.size);
      await writer.write([blob.bytes]);
      const nodes = await writer.commit();
      await writer.abort();
      await writer.abort();
      expect(await idsOf(node)).toEqual(new Set());
      await expect(readAll(node, { ...blob, nodes })).rejects.toThrow();
    });

    test("abort during commit leaves nothing", async () => {
      const { node } = await open();
      const writer = await node.create(v7(), 1000);
      await writer.write([Buffer.alloc(1000)]);
      const committing = writer.commit().catch(() => {});
      await writer.abort();
      await committing;
      expect(await idsOf(node)).toEqual(new Set());
    });

    test("abort during a write leaves nothing", async () => {
      const { node } = await open();
      const writer = await node.create(v7(), 8 * MIB);
      const writing = writer.write([Buffer.alloc(8 * MIB)]).catch(() => {});
      await writer.abort();
      await writing;
      await expect(writer.commit()).rejects.toThrow();
      expect(await idsOf(node)).toEqual(new Set());
    });

    test("an aborted signal stops a write", async () => {
      const { node } = await open();
      const controller = new AbortController();
      const id = v7();
      const writer = await node.create(id, 2000, controller.signal);
      await writer.write([Buffer.alloc(1000)]);
      const reason = new Error("the client left");
      controller.abort(reason);
      await expect(writer.write([Buffer.alloc(1000)])).rejects.toBe(reason);
      await writer.abort();
      await expect(node.create(v7(), 1, controller.signal)).rejects.toBe(reason);
      expect(await idsOf(node)).toEqual(new Set());
      expect(await openFiles(id)).toBe(0);
    });

    test("an aborted signal ends a read with its reason and frees the file", async () => {
      const { node } = await open();
      const blob = await store(node, 4 * MIB);
      const controller = new AbortController();
      const reason = new Error("the client left");
      const reading = node.read(blob, { start: 0, end: blob.size }, controller.signal)[Symbol.asyncIterator]();
      const first = await reading.next();
      expect(first.done).toBe(false);
      controller.abort(reason);
      await expect(reading.next()).rejects.toBe(reason);
      expect(await openFiles(blob.id)).toBe(0);
      await expect(
        node.read(blob, { start: 0, end: 1 }, controller.signal)[Symbol.asyncIterator]().next(),
      ).rejects.toBe(reason);
    });

    test("an aborted signal frees the file although nobody asks for more", async () => {
      const { node } = await open();
      const blob = await store(node, 4 * MIB);
      const controller = new AbortController();
      await node.read(blob, { start: 0, end: blob.size }, controller.signal)[Symbol.asyncIterator]().next();
      controller.abort();
      await expect.poll(() => openFiles(blob.id)).toBe(0);
    });

    test("a caller that stops early frees the file", async () => {
      const { node } = await open();
      const blob = await store(node, 4 * MIB);
      for await (const buffer of node.read(blob, { start: 0, end: blob.size })) {
        expect(buffer.length).toBeGreaterThan(0);
        break;
      }
      expect(await openFiles(blob.id)).toBe(0);
    });

    test("a caller's error thrown into the read comes back, and frees the file", async () => {
      const { node } = await open();
      const blob = await store(node, 4 * MIB);
      const reading = node.read(blob, { start: 0, end: blob.size })[Symbol.asyncIterator]();
      await reading.next();
      const error = new Error("the stream was destroyed");
      await expect(reading.throw?.(error)).rejects.toBe(error);
      expect(await openFiles(blob.id)).toBe(0);
    });

    test("a finished write and a finished read leave no file open", async () => {
      const { node } = await open();
      const blob = await store(node, MIB + 1);
      await readAll(node, blob);
      expect(await openFiles(blob.id)).toBe(0);
    });

    test("many writes and reads at once don't mix", async () => {
      const { node } = await open();
      const sizes = Array.from({ length: 12 }, (_, index) => index * 300_001 + 1);
      const blobs = await Promise.all(sizes.map((size) => store(node, size)));
      const reads = [...blobs, ...blobs, ...blobs].map(async (blob) => (await readAll(node, blob)).equals(blob.bytes));
      const more = Promise.all(sizes.map((size) => store(node, size)));
      expect(await Promise.all(reads)).toEqual(reads.map(() => true));
      for (const blob of await more) expect((await readAll(node, blob)).equals(blob.bytes)).toBe(true);
    });

    test("reads that are left in the middle don't disturb those that go on", async () => {
      const { node } = await open();
      const blobs = await Promise.all([1, 2, 3].map(() => store(node, 4 * MIB + 7)));
      const rounds = Array.from({ length: 30 }, async (_, round) => {
        const blob = blobs[round % 3];
        if (blob === undefined || round % 2 === 0) {
          for await (const _buffer of node.read(blob ?? makeBlob(1), { start: 0, end: 4 * MIB })) break;
          return true;
        }
        return (await readAll(node, blob)).equals(blob.bytes);
      });
      expect(await Promise.all(rounds)).toEqual(rounds.map(() => true));
    });

    test("remove takes the blob away, and may be repeated", async () => {
      const { node } = await open();
      const blob = await store(node, 1000);
      const other = await store(node, 1000);
      await node.remove(blob);
      await node.remove(blob);
      await expect(readAll(node, blob)).rejects.toThrow();
      expect((await readAll(node, other)).equals(other.bytes)).toBe(true);
    });

    test("list tells the id, size and time of every committed blob", async () => {
      const { node } = await open();
      const before = Date.now();
      const blobs = await Promise.all([1, 1000, BLOCK_SIZE + 1].map((size) => store(node, size)));
      const unfinished = await node.create(v7(), 1000);
      const listed = new Map<string, number>();
      for await (const { id, size, modifiedAt } of node.list()) {
        listed.set(id, size);
        expect(modifiedAt.getTime()).toBeGreaterThan(before - 10_000);
        expect(modifiedAt.getTime()).toBeLessThan(Date.now() + 10_000);
      }
      await unfinished.abort();
      expect(listed).toEqual(new Map(blobs.map(({ id, size }) => [id, size])));
    });

    test("removeLeftovers spares committed blobs and writes that are going on", async () => {
      const { node } = await open();
      const blob = await store(node, 1000);
      const going = makeBlob(2000);
      const writer = await node.create(going.id, going.size);
      await writeBytes(writer, going.bytes.subarray(0, 1000));
      await node.removeLeftovers(new Date(Date.now() - 60_000));
      await writeBytes(writer, going.bytes.subarray(1000));
      const nodes = await writer.commit();
      await node.removeLeftovers(new Date(Date.now() + 60_000));
      expect((await readAll(node, blob)).equals(blob.bytes)).toBe(true);
      expect((await readAll(node, { ...going, nodes })).equals(going.bytes)).toBe(true);
    });

    test("probe resolves with the room there is, if it can tell", async () => {
      const { node } = await open();
      const { freeBytes } = await node.probe();
      expect(freeBytes === null || freeBytes > 0).toBe(true);
    });
  });
}
