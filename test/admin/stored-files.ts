import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { type Client, sha256 } from "../support/client.ts";
import { PatternedFile } from "../support/patterned-file.ts";

export const CHUNK_SIZE = 64 * 1024;

/** Files that were uploaded, to be compared with what is served. */
export class StoredFiles {
  readonly #files: { id: string; file: PatternedFile }[] = [];

  async upload(client: Client, name: string, chunks: number): Promise<void> {
    const file = new PatternedFile(chunks * CHUNK_SIZE - 7, name);
    const { id } = await client.upload(name, file.bytes(0, file.size), { chunkSize: CHUNK_SIZE });
    this.#files.push({ id, file });
  }

  /** One of them, chosen by chance. */
  async checkAny(client: Client): Promise<void> {
    await this.#check(client, Math.floor(Math.random() * this.#files.length));
  }

  async checkAll(client: Client): Promise<void> {
    for (const index of this.#files.keys()) await this.#check(client, index);
  }

  async #check(client: Client, index: number): Promise<void> {
    const stored = this.#files[index];
    if (stored === undefined) throw new RangeError(`There is no file ${index}`);
    const { id, file } = stored;
    const response = await client.download(id);
    expect(response.status).toBe(200);
    expect(sha256(new Uint8Array(await response.arrayBuffer()))).toBe(file.sha256());
  }
}

/** Uploads and downloads go on until `stop`, which rejects when any of them failed. */
export function startLoad(client: Client, files: StoredFiles) {
  let over = false;
  let requests = 0;
  const workers = [0, 1, 2].map(async (worker) => {
    for (let round = 0; !over; round++) {
      if (round % 2 === 0) await files.upload(client, `load-${worker}-${round}`, 2);
      else await files.checkAny(client);
      requests++;
    }
  });
  // `stop` tells of it.
  for (const worker of workers) worker.catch(() => {});
  return {
    async stop(): Promise<number> {
      over = true;
      await Promise.all(workers);
      return requests;
    },
  };
}

/** Blob files in a node's folder. */
export async function blobsOn(folder: string, node: string): Promise<string[]> {
  const entries = await readdir(join(folder, node, "blobs"), { recursive: true, withFileTypes: true });
  return entries.flatMap((entry) => (entry.isFile() ? entry.name : [])).sort();
}
