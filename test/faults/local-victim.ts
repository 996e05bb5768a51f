import { execFileSync } from "node:child_process";
import { chmod, mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { LocalNode } from "../../src/storage/local/local-node.ts";
import type { PhysicalNode } from "../../src/storage/storage-node.ts";
import { blobFile } from "../support/node-folders.ts";
import { flipBit, type Victim } from "./victim.ts";

const DISK_MIB = 64;
const FILLER = "filler";

/** How a disk gets full: a tmpfs of its own does, where we may mount one; otherwise its folder only takes no writes. */
export type Filling = "tmpfs" | "unwritable folder";

/** A node in a folder on a small disk of its own. */
export class LocalVictim implements Victim {
  readonly kind = "LOCAL";
  readonly name: string;
  readonly filling: Filling;
  readonly #disk: string;
  readonly #root: string;

  private constructor(name: string, disk: string, filling: Filling) {
    this.name = name;
    this.filling = filling;
    this.#disk = disk;
    // Not the disk's root: that can't be renamed.
    this.#root = join(disk, name);
  }

  static async create(folder: string, name: string, onFinished: (cleanUp: () => void) => void): Promise<LocalVictim> {
    const disk = join(folder, `disk-of-${name}`);
    await mkdir(disk);
    let filling: Filling = "tmpfs";
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_MIB}m`, "stowage-faults", disk], { stdio: "ignore" });
      onFinished(() => void execFileSync("umount", ["--lazy", disk]));
    } catch {
      filling = "unwritable folder";
    }
    return new LocalVictim(name, disk, filling);
  }

  get setting(): string {
    return `${this.name}=file:${this.#root}`;
  }

  async blobs(): Promise<string[]> {
    const entries = await readdir(join(this.#root, "blobs"), { recursive: true, withFileTypes: true });
    return entries.flatMap((entry) => (entry.isFile() ? entry.name : [])).sort();
  }

  async leftovers(): Promise<string[]> {
    const list = async (folder: string) => (await readdir(join(this.#root, folder))).map((name) => `${folder}/${name}`);
    return [...(await list("aside")), ...(await list("tmp"))];
  }

  bytes(id: string): Promise<Buffer | null> {
    return readFile(this.#path(id)).catch(() => null);
  }

  async lose(id: string): Promise<boolean> {
    return await rm(this.#path(id)).then(
      () => true,
      () => false,
    );
  }

  async flip(id: string, bit: number): Promise<boolean> {
    const blob = await open(this.#path(id), "r+").catch(() => null);
    if (blob === null) return false;
    try {
      const bytes = await blob.readFile();
      flipBit(bytes, bit);
      await blob.write(bytes, 0, bytes.length, 0);
      return true;
    } finally {
      await blob.close();
    }
  }

  vanish(): Promise<void> {
    return rename(this.#root, `${this.#root}.gone`);
  }

  async fill(): Promise<void> {
    if (this.filling === "unwritable folder") return chmod(join(this.#root, "tmp"), 0o555);
    const filler = await open(join(this.#disk, FILLER), "w");
    try {
      for (;;) await filler.write(Buffer.alloc(1024 ** 2));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    } finally {
      await filler.close();
    }
  }

  async relieve(): Promise<void> {
    await rename(`${this.#root}.gone`, this.#root).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
    await rm(join(this.#disk, FILLER), { force: true });
    if (this.filling === "unwritable folder") await chmod(join(this.#root, "tmp"), 0o700);
  }

  open(): Promise<PhysicalNode> {
    return LocalNode.open(this.name, this.#root);
  }

  #path(id: string): string {
    return blobFile(this.#disk, this.name, id);
  }
}
