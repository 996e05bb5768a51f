import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { syncFolder } from "../../runtime/folders.ts";

/** `fsync`: what was acknowledged survives a power cut. `os`: only the process's end, at the speed of the page cache. */
export type Durability = "fsync" | "os";

const READY = Promise.resolve();

/**
 * Makes folders under a root that it never makes itself, lest it be made where a disk should be mounted. It asks the
 * disk once per process and folder, even for one that exists: whoever made it may have died, or be still waiting, before
 * its entry was safe.
 */
export class DurableFolders {
  readonly #root: string;
  readonly #durability: Durability;
  readonly #ready = new Map<string, Promise<void>>();

  constructor(root: string, durability: Durability) {
    this.#root = root;
    this.#durability = durability;
  }

  /** Makes a folder with all between it and the root; when it resolves, their entries are durable. */
  ensure(folder: string): Promise<void> {
    if (folder === this.#root) return Promise.resolve();
    const key = this.#key(folder);
    const known = this.#ready.get(key);
    if (known !== undefined) return known;
    const made = this.#make(folder);
    this.#ready.set(key, made);
    made.then(
      () => this.#ready.set(key, READY),
      () => this.#ready.delete(key),
    );
    return made;
  }

  /** Forgets what it knows of a folder, because something else removed it. */
  forget(folder: string): void {
    for (let one = folder; one !== this.#root && one !== dirname(one); one = dirname(one)) {
      this.#ready.delete(this.#key(one));
    }
  }

  /** Forgets everything, because the disk may be another one now. */
  forgetAll(): void {
    this.#ready.clear();
  }

  /** Makes the folder's entries durable, where that is asked for. */
  async sync(folder: string): Promise<void> {
    if (this.#durability === "fsync") await syncFolder(folder);
  }

  /** Names a folder shortly, as there may be 65,536 of them. */
  #key(folder: string): string {
    return folder.slice(this.#root.length);
  }

  async #make(folder: string): Promise<void> {
    const parent = dirname(folder);
    await this.ensure(parent);
    try {
      await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "EEXIST") throw error;
      });
      await this.sync(parent);
    } catch (error) {
      // Something else removed the folder above it: the next attempt makes that anew.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") this.forget(parent);
      throw error;
    }
  }
}
