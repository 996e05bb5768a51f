import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { v7 } from "uuid";
import { describe, expect, test } from "vitest";
import { LocalNode } from "../../src/storage/local/local-node.ts";
import { readAll, store, temporaryDirectory } from "./blobs.ts";
import { openLocal } from "./local-harness.ts";
import { describePhysicalNode } from "./physical-node-contract.ts";

describePhysicalNode("LocalNode", async () => {
  const directory = join(await temporaryDirectory(), "node1");
  const path = join(directory, "stowage-node.json");
  return {
    open: () => LocalNode.open("node1", directory),
    disguise: (identity) => (identity === null ? rm(path) : writeFile(path, JSON.stringify(identity))),
  };
});

/** Everything under a folder. */
const everything = (folder: string) => readdir(folder, { recursive: true });

describe("a local node's identity", () => {
  test("is a file that a person can read, and nothing temporary stays beside it", async () => {
    const { node, directory } = await openLocal();
    expect(JSON.parse(await readFile(join(directory, "stowage-node.json"), "utf8"))).toEqual(await node.identity());
    expect((await everything(directory)).sort()).toEqual(["aside", "blobs", "stowage-node.json", "tmp"]);
    expect((await stat(join(directory, "stowage-node.json"))).mode & 0o777).toBe(0o600);
  });

  test("that was cut off in mid-writing doesn't hinder the next claim", async () => {
    const directory = join(await temporaryDirectory(), "node1");
    await mkdir(join(directory, "tmp"), { recursive: true });
    await writeFile(join(directory, "tmp", "stowage-node.json.0123"), '{ "id": "01');
    const node = await LocalNode.open("node1", directory);
    expect(await node.identity()).toBeNull();
    await node.claim({ id: v7(), deployment: v7(), name: "node1" });
    await node.probe();
  });

  test("that can't be understood is no missing one", async () => {
    const { node, directory } = await openLocal();
    for (const text of ["", "{", "[]", '{ "id": 1 }']) {
      await writeFile(join(directory, "stowage-node.json"), text);
      await expect(node.identity()).rejects.toThrow("not as Stowage writes it");
      await expect(node.claim({ id: v7(), deployment: v7(), name: "node1" })).rejects.toThrow(
        "not as Stowage writes it",
      );
      await expect(node.probe()).rejects.toThrow("not as Stowage writes it");
    }
  });

  test("can't be asked for where the folder is a file", async () => {
    const path = join(await temporaryDirectory(), "a-file");
    await writeFile(path, "");
    const node = await LocalNode.open("node1", path);
    await expect(node.identity()).rejects.toThrow("ENOTDIR");
    await expect(node.claim({ id: v7(), deployment: v7(), name: "node1" })).rejects.toThrow("ENOTDIR");
  });
});

test("a folder from before nodes had identities can be claimed, with all that is in it", async () => {
  const { node, directory } = await openLocal();
  const blob = await store(node, 1000);
  await rm(join(directory, "stowage-node.json"));
  await rm(join(directory, "aside"), { recursive: true });
  const later = await LocalNode.open("node1", directory);
  await later.claim({ id: v7(), deployment: v7(), name: "node1" });
  await later.probe();
  expect((await readAll(later, blob)).equals(blob.bytes)).toBe(true);
  await later.setAside(blob.id);
});

test("nothing is ever made on a bare mount point", async () => {
  const { node, directory } = await openLocal();
  const blob = await store(node, 1000);
  const other = await store(node, 1000);
  const writer = await node.create(v7(), 1000);
  await writer.write([Buffer.alloc(1000)]);
  const late = await node.create(v7(), 1000);
  await late.write([Buffer.alloc(1000)]);

  await rename(directory, `${directory}.unmounted`);
  await mkdir(directory);
  await expect(writer.commit()).rejects.toThrow("ENOENT");
  await expect(node.probe()).rejects.toThrow("Is its disk mounted?");
  await expect(late.commit()).rejects.toThrow("ENOENT");
  await expect(node.create(v7(), 1)).rejects.toThrow("ENOENT");
  await expect(node.remove(blob)).rejects.toThrow("mounted");
  await expect(node.setAside(blob.id)).rejects.toThrow("mounted");
  await expect(node.removeAside(blob.id)).rejects.toThrow("mounted");
  expect(await everything(directory)).toEqual([]);

  await rm(directory, { recursive: true });
  await rename(`${directory}.unmounted`, directory);
  await node.probe();
  for (const one of [blob, other]) expect((await readAll(node, one)).equals(one.bytes)).toBe(true);
  await store(node, 1000);
});

test("a blob set aside is kept, byte by byte, under aside/", async () => {
  const { node, directory } = await openLocal("node1", "fsync");
  const blob = await store(node, 1000);
  await node.setAside(blob.id);
  expect((await readFile(join(directory, "aside", blob.id))).equals(blob.bytes)).toBe(true);
  await node.removeAside(blob.id);
  expect(await readdir(join(directory, "aside"))).toEqual([]);
  for (const id of ["../x", "", `../blobs/${blob.id}`]) {
    await expect(node.setAside(id)).rejects.toThrow(TypeError);
    await expect(node.removeAside(id)).rejects.toThrow(TypeError);
  }
});
