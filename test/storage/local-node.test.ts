import { type FileHandle, mkdir, open, readdir, rename, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { v7 } from "uuid";
import { describe, expect, test } from "vitest";
import { CorruptBlobError, MissingBlobError } from "../../src/storage/blob-errors.ts";
import { blobPath } from "../../src/storage/blob-path.ts";
import { LocalNode } from "../../src/storage/local/local-node.ts";
import { readPieces } from "../../src/storage/local/local-reader.ts";
import { writeFully } from "../../src/storage/local/local-writer.ts";
import { BLOCK_SIZE } from "../../src/storage/storage-node.ts";
import { SLAB_SIZE, SlabPool } from "../../src/streams/slab-pool.ts";
import { idsOf, MIB, makeBlob, openFiles, readAll, readUntilEnd, store, temporaryDirectory } from "./blobs.ts";
import { openLocal } from "./local-harness.ts";
import { describeStorageNode } from "./storage-node-contract.ts";

describeStorageNode("LocalNode with fsync", () => openLocal("node1", "fsync"));
describeStorageNode("LocalNode without fsync", () => openLocal("node1", "os"));

const good = "01980000-0000-7000-8000-0123456789ab";

describe("blobPath", () => {
  test("puts a blob into folders by the end of its id", () => {
    expect(blobPath("/data/blobs", good)).toBe(`/data/blobs/89/ab/${good}`);
  });

  test.for([
    "",
    "..",
    "../../../etc/passwd",
    "/etc/passwd",
    `../${good}`,
    `${good}/../../../../etc/passwd`,
    `${good}/`,
    `/${good}`,
    `${good}\n`,
    `\n${good}`,
    `${good}\0`,
    `${good}\0.txt`,
    ` ${good}`,
    good.toUpperCase(),
    good.replaceAll("-", ""),
    good.slice(1),
    `${good}0`,
    `{${good}}`,
    good.replace("8000", "80/0"),
    good.replace("8000", "80.0"),
    good.replace("89ab", "../a"),
    good.replace("89ab", "8%2f"),
    good.replace("0123", "٠١٢٣"),
    "com1",
    "__proto__",
  ])("refuses %j", (id) => {
    expect(() => blobPath("/data/blobs", id)).toThrow(TypeError);
  });

  test("every call that takes an id refuses one that isn't", async () => {
    const { node, directory } = await openLocal();
    const victim = join(dirname(directory), "victim");
    await writeFile(victim, "x");
    const id = "../../victim";
    await expect(node.create(id, 1)).rejects.toThrow(TypeError);
    await expect(node.remove({ id })).rejects.toThrow(TypeError);
    await expect(readAll(node, { ...makeBlob(1), id })).rejects.toThrow(TypeError);
    expect((await stat(victim)).size).toBe(1);
  });
});

describe("LocalNode", () => {
  test("is made, with all above it, by a claim only, and opened again has what is in it", async () => {
    const above = await temporaryDirectory();
    const directory = join(above, "a", "b", "c");
    const node = await LocalNode.open("node1", directory);
    await expect(node.probe()).rejects.toThrow();
    await expect(node.create(v7(), 1)).rejects.toThrow("not claimed");
    expect(await readdir(above)).toEqual([]);
    await node.claim({ id: v7(), deployment: v7(), name: "node1" });
    const blob = await store(node, 1000);
    const again = await LocalNode.open("node1", directory);
    expect((await readAll(again, blob)).equals(blob.bytes)).toBe(true);
    expect(blob.nodes).toEqual(["node1"]);
  });

  test("keeps blobs from other users of the machine", async () => {
    const { node, pathOf } = await openLocal();
    expect((await stat(pathOf(await store(node, 1)))).mode & 0o777).toBe(0o600);
  });

  test("names what is wrong with a blob", async () => {
    const { node, corrupt, truncate, lose } = await openLocal();
    const [flipped, cut, lost] = await Promise.all([MIB, MIB, MIB].map((size) => store(node, size)));
    if (!flipped || !cut || !lost) throw new Error("unreachable");
    await corrupt(flipped, BLOCK_SIZE + 1);
    await truncate(cut, 1000);
    await lose(lost);
    const errorOf = async (blob: typeof lost) => (await readUntilEnd(node, blob)).error;
    expect(await errorOf(flipped)).toBeInstanceOf(CorruptBlobError);
    expect(await errorOf(flipped)).toMatchObject({ blobId: flipped.id, node: "node1", block: 1 });
    expect(await errorOf(cut)).toMatchObject({ name: "CorruptBlobError", blobId: cut.id, block: null });
    expect(await errorOf(lost)).toBeInstanceOf(MissingBlobError);
    expect(await openFiles(flipped.id)).toBe(0);
    expect(await openFiles(cut.id)).toBe(0);
  });

  test("no temporary file outlives its writer", async () => {
    const { node, directory } = await openLocal();
    const blob = await store(node, 1000);
    const endings: ((writer: Awaited<ReturnType<LocalNode["create"]>>) => Promise<unknown>)[] = [
      (writer) => writer.abort(),
      (writer) => writer.commit(),
      (writer) => writer.write([Buffer.alloc(1001)]),
    ];
    for (const ending of endings) await ending(await node.create(v7(), 1000)).catch(() => {});
    const taken = await node.create(blob.id, 1);
    await taken.write([Buffer.alloc(1)]);
    await expect(taken.commit()).rejects.toMatchObject({ name: "BlobExistsError", blobId: blob.id });
    expect(await readdir(join(directory, "tmp"))).toEqual([]);
    expect(await openFiles(directory)).toBe(0);
  });

  test("list passes over what isn't a blob of its own", async () => {
    const { node, directory } = await openLocal();
    const blob = await store(node, 1000);
    const blobs = join(directory, "blobs");
    const stranger = v7();
    await mkdir(join(blobs, "lost+found"));
    await mkdir(join(blobs, "00", "11"), { recursive: true });
    await mkdir(join(blobs, "00", "xyz"));
    await mkdir(blobPath(blobs, `${good.slice(0, -4)}0011`));
    await symlink("/etc/passwd", join(blobs, "00", "11", `${good.slice(0, -5)}b0011`));
    await writeFile(join(blobs, "README"), "");
    await writeFile(join(blobs, "00", ".DS_Store"), "");
    await writeFile(join(blobs, "00", "11", stranger), "in the wrong folder");
    await writeFile(join(blobs, "00", "11", "notes.txt"), "");
    expect(await idsOf(node)).toEqual(new Set([blob.id]));
  });

  test("removeLeftovers removes old temporary files, not young ones", async () => {
    const { node, directory } = await openLocal();
    const [oldId, youngId] = [v7(), v7()];
    const writers = await Promise.all([oldId, youngId].map((id) => node.create(id, 1000)));
    await Promise.all(writers.map((writer) => writer.write([Buffer.alloc(10)])));
    const tmp = join(directory, "tmp");
    await mkdir(join(tmp, "a-folder"));
    for (const name of await readdir(tmp)) {
      if (name.startsWith(oldId)) await utimes(join(tmp, name), new Date(0), new Date(0));
    }
    await node.removeLeftovers(new Date(Date.now() - 60_000));
    const left = await readdir(tmp);
    await Promise.all(writers.map((writer) => writer.abort()));
    expect(left.filter((name) => name.startsWith(oldId))).toEqual([]);
    expect(left.filter((name) => name.startsWith(youngId))).toHaveLength(1);
  });

  test("a folder that is gone fails the probe, the list and a remove, rather than looking empty", async () => {
    const { node, directory } = await openLocal();
    const blob = await store(node, 1000);
    await rename(directory, `${directory}.unmounted`);
    await expect(node.probe()).rejects.toThrow();
    await expect(idsOf(node)).rejects.toThrow();
    await expect(node.remove(blob)).rejects.toThrow();
    await expect(node.create(v7(), 1)).rejects.toThrow();
    await rename(`${directory}.unmounted`, directory);
    await node.probe();
    expect((await readAll(node, blob)).equals(blob.bytes)).toBe(true);
  });

  test("a disk that goes during a probe leaves nothing behind where it was mounted", async () => {
    const { node, directory } = await openLocal();
    for (let round = 0; round < 300; round++) {
      const probe = node.probe().catch(() => {});
      // From the first of its steps to the last.
      const until = performance.now() + (round % 30) / 20;
      while (performance.now() < until) await new Promise(setImmediate);
      await rename(directory, `${directory}.unmounted`);
      await probe;
      await expect(stat(directory)).rejects.toThrow("ENOENT");
      await rename(`${directory}.unmounted`, directory);
    }
    await node.probe();
  });

  test.for(["fsync", "os"] as const)(
    "makes the folder above a blob's anew when somebody removed it, also for blobs beside those it had (%s)",
    async (durability) => {
      const { node, directory } = await openLocal("node1", durability);
      const idIn = (folders: string) => v7().slice(0, -4) + folders;
      await store(node, 100, idIn("3f00"));
      await rm(join(directory, "blobs", "3f"), { recursive: true });
      // The attempt that finds it gone may fail, and the next may not.
      await store(node, 100, idIn("3f79")).catch(() => {});
      const blob = await store(node, 100, idIn("3f7a"));
      expect((await readAll(node, blob)).equals(blob.bytes)).toBe(true);
    },
  );

  test("makes a blob's folder anew when somebody removed it", async () => {
    const { node, directory, pathOf } = await openLocal();
    const blob = await store(node, 1000);
    const writer = await node.create(v7().slice(0, -4) + blob.id.slice(-4), 1000);
    await writer.write([Buffer.alloc(1000)]);
    await rm(dirname(pathOf(blob)), { recursive: true });
    await expect(writer.commit()).rejects.toThrow();
    const again = await node.create(blob.id, blob.size);
    await again.write([blob.bytes]);
    await again.commit();
    expect((await readAll(node, blob)).equals(blob.bytes)).toBe(true);
    expect(await readdir(join(directory, "tmp"))).toEqual([]);
  });
});

describe("writeFully", () => {
  test("goes on after a partial write, in the middle of a buffer or between two", async () => {
    const { bytes } = makeBlob(10_000);
    const taken: Buffer[] = [];
    const file = {
      writev: async (buffers: readonly NodeJS.ArrayBufferView[]) => {
        const all = Buffer.concat(buffers as Uint8Array[]);
        const bytesWritten = Math.min(all.length, 1 + Math.floor(Math.random() * 1500));
        taken.push(all.subarray(0, bytesWritten));
        return { bytesWritten, buffers };
      },
    };
    const buffers = [0, 1, 1, 3000, 3001, 7000, 10_000].map((end, index, ends) =>
      bytes.subarray(ends[index - 1] ?? 0, end),
    );
    await writeFully(file as unknown as FileHandle, buffers);
    expect(Buffer.concat(taken).equals(bytes)).toBe(true);
  });

  test("gives up when the file system takes nothing", async () => {
    const file = { writev: async () => ({ bytesWritten: 0, buffers: [] }) } as unknown as FileHandle;
    await expect(writeFully(file, [Buffer.alloc(1)])).rejects.toThrow("took no bytes");
    await writeFully(file, []);
  });
});

describe("readPieces", () => {
  test("gives its buffers back after a whole read only", async () => {
    const path = join(await temporaryDirectory(), "file");
    await writeFile(path, Buffer.alloc(3 * SLAB_SIZE));
    const pool = new SlabPool();
    const file = await open(path);
    const range = { start: 0, end: 3 * SLAB_SIZE };
    for await (const _ of readPieces(file, range, pool)) break;
    expect(pool.size).toBe(0);
    for await (const piece of readPieces(file, range, pool)) expect(piece.length).toBe(SLAB_SIZE);
    expect(pool.size).toBe(2);
    for await (const piece of readPieces(file, { start: 0, end: 100 }, pool)) expect(piece.length).toBe(100);
    expect(pool.size).toBe(2);
    await file.close();
  });

  test("yields what is before a slab that can't be read", async () => {
    const bad = 2 * SLAB_SIZE + 100;
    const file = {
      read: async (buffer: Buffer, _offset: number, length: number, position: number) => {
        if (position >= bad) throw Object.assign(new Error("EIO"), { code: "EIO" });
        return { bytesRead: Math.min(length, bad - position, 100_000), buffer };
      },
    };
    let yielded = 0;
    const reading = async () => {
      const range = { start: 0, end: 3 * SLAB_SIZE };
      for await (const piece of readPieces(file as unknown as FileHandle, range, new SlabPool())) {
        yielded += piece.length;
      }
    };
    await expect(reading()).rejects.toThrow("EIO");
    expect(yielded).toBe(2 * SLAB_SIZE);
  });
});
