import { randomUUID } from "node:crypto";
import { open, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { blobPath } from "../../src/storage/blob-path.ts";
import { LocalNode } from "../../src/storage/local/local-node.ts";
import type { StoredBlob } from "../../src/storage/storage-node.ts";
import { temporaryDirectory } from "./blobs.ts";

export interface LocalHarness {
  node: LocalNode;
  directory: string;
  pathOf(blob: Pick<StoredBlob, "id">): string;
  corrupt(blob: Pick<StoredBlob, "id">, offset: number): Promise<void>;
  truncate(blob: Pick<StoredBlob, "id">, size: number): Promise<void>;
  lose(blob: Pick<StoredBlob, "id">): Promise<void>;
}

export async function openLocal(name = "node1", durability: "fsync" | "os" = "os"): Promise<LocalHarness> {
  const directory = join(await temporaryDirectory(), name);
  const node = await LocalNode.open(name, directory, { durability });
  await node.claim({ id: randomUUID(), deployment: randomUUID(), name });
  const pathOf = ({ id }: Pick<StoredBlob, "id">) => blobPath(join(directory, "blobs"), id);
  return {
    node,
    directory,
    pathOf,
    corrupt: (blob, offset) => flipBit(pathOf(blob), offset),
    truncate: (blob, size) => truncate(pathOf(blob), size),
    lose: (blob) => rm(pathOf(blob)),
  };
}

async function flipBit(path: string, offset: number): Promise<void> {
  const file = await open(path, "r+");
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, offset);
  await file.write(Buffer.from([byte.readUInt8() ^ 0x10]), 0, 1, offset);
  await file.close();
}
