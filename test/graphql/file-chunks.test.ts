import { randomBytes } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Client, dataOf, sha256 } from "../support/client.ts";
import { dialects } from "../support/databases.ts";
import { blobFile, filesOnNodes, untilNodesAreEmpty } from "../support/node-folders.ts";
import { startService, type TestService } from "../support/service.ts";

const CHUNK = 65_536;
const CHUNKS = `query ($id: ID!, $first: Int! = 100, $from: Int! = 0) {
  file(id: $id) { chunks(first: $first, from: $from) { index offset size sha256 name storageNodes } }
}`;

interface Chunk {
  index: number;
  offset: number;
  size: number;
  sha256: string;
  name: string;
  storageNodes: string[];
}

/** The bytes that came, and whether the answer ended as announced. */
async function drain(response: Response): Promise<{ bytes: Buffer; cut: boolean }> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of response.body ?? []) pieces.push(piece);
    return { bytes: Buffer.concat(pieces), cut: false };
  } catch {
    return { bytes: Buffer.concat(pieces), cut: true };
  }
}

describe.each(dialects)("a file's chunks on %s", (dialect) => {
  describe.each([1, 2])("with REPLICAS=%d", (replicas) => {
    let service: TestService;
    let ada: Client;
    let id: string;
    const bytes = randomBytes(20 * CHUNK - 1);

    beforeAll(async () => {
      service = await startService(dialect, { REPLICAS: String(replicas) });
      ada = await Client.register(service.url);
    });
    afterAll(() => service.stop());

    const upload = async (content: Uint8Array) => {
      id = (await ada.upload("a.bin", content, { chunkSize: CHUNK })).id;
    };
    const chunks = async (range: { first?: number; from?: number } = {}): Promise<Chunk[]> =>
      (await ada.data(CHUNKS, { id, ...range })).file.chunks;
    const logged = () => service.log.filter((line) => (line["level"] as number) >= 50);

    afterEach(async () => {
      dataOf(await ada.deleteFile(id));
      await untilNodesAreEmpty(service.folder);
      service.log.length = 0;
    });

    test("are listed in order, from any index, with the nodes that hold them", async () => {
      await upload(bytes);
      const all = await chunks();
      expect(all).toHaveLength(20);
      for (const [index, chunk] of all.entries()) {
        const part = bytes.subarray(index * CHUNK, (index + 1) * CHUNK);
        expect(chunk).toMatchObject({ index, offset: index * CHUNK, size: part.length, sha256: sha256(part) });
        expect(new Set(chunk.storageNodes).size).toBe(replicas);
        for (const node of chunk.storageNodes) {
          expect((await readFile(blobFile(service.folder, node, chunk.name))).equals(part)).toBe(true);
        }
      }
      const listed = all.flatMap(({ name, storageNodes }) => storageNodes.map((node) => `${node}/${name}`)).sort();
      expect(await filesOnNodes(service.folder)).toEqual(listed);
      expect(new Set(all.flatMap((chunk) => chunk.storageNodes))).toEqual(new Set(["node1", "node2"]));

      expect(await chunks({ first: 3, from: 5 })).toEqual(all.slice(5, 8));
      expect(await chunks({ from: 18 })).toEqual(all.slice(18));
      for (const range of [{ from: 20 }, { from: 2 ** 31 - 1 }, { first: 0 }]) expect(await chunks(range)).toEqual([]);
      for (const [field, value] of [
        ["first", -1],
        ["first", 1001],
        ["from", -1],
      ] as const) {
        const failure = await ada.failure(CHUNKS, { id, [field]: value });
        expect(failure).toMatchObject({ code: "BAD_USER_INPUT", field });
      }
    });

    test("one that can't be read is made up for by its copy, or else cuts the download", async () => {
      await upload(bytes);
      const lost = (await chunks({ first: 1, from: 10 }))[0] as Chunk;
      const [node = ""] = lost.storageNodes;
      await rm(blobFile(service.folder, node, lost.name));
      if (replicas === 2) {
        // Which copy is read first is left to chance: several times, both are.
        for (let time = 0; time < 24; time++) {
          const { bytes: got, cut } = await drain(await ada.download(id));
          expect([got.equals(bytes), cut]).toEqual([true, false]);
        }
      } else {
        const response = await ada.download(id);
        expect(response.status).toBe(200);
        const { bytes: got, cut } = await drain(response);
        expect(cut).toBe(true);
        expect(got.equals(bytes.subarray(0, got.length))).toBe(true);
        expect(got.length).toBeLessThanOrEqual(10 * CHUNK);
        await expect.poll(() => JSON.stringify(logged())).toContain("a download was cut");
      }
      const lines = logged().filter((line) => line["blob"] === lost.name);
      expect(lines[0]).toMatchObject({ blob: lost.name, node });
    });

    test("one with a flipped bit is never served", async () => {
      await upload(bytes);
      const bad = (await chunks({ first: 1, from: 15 }))[0] as Chunk;
      for (const node of bad.storageNodes) {
        const path = blobFile(service.folder, node, bad.name);
        const content = await readFile(path);
        content[1000] = (content[1000] as number) ^ 1;
        await writeFile(path, content);
      }
      const { bytes: got, cut } = await drain(await ada.download(id));
      expect(cut).toBe(true);
      expect(got.equals(bytes.subarray(0, got.length))).toBe(true);
      for (const node of bad.storageNodes) {
        await expect.poll(() => logged()).toContainEqual(expect.objectContaining({ blob: bad.name, node }));
      }
      const range = await ada.download(id, { range: `bytes=${15 * CHUNK}-${15 * CHUNK + 9}` });
      expect([range.status, ((await range.json()) as { code: string }).code]).toEqual([503, "DATA_UNAVAILABLE"]);
    });

    test("with a whole node lost, what has a copy elsewhere is served", async () => {
      await upload(bytes);
      const [blobs, away] = [`${service.folder}/node1/blobs`, `${service.folder}/node1/away`];
      await rename(blobs, away);
      const response = await ada.download(id);
      const { bytes: got, cut } = await drain(response);
      await rename(away, blobs);
      if (replicas === 2) expect([got.equals(bytes), cut]).toEqual([true, false]);
      else if (response.status === 200) expect([got.equals(bytes.subarray(0, got.length)), cut]).toEqual([true, true]);
      else expect([response.status, JSON.parse(got.toString()).code]).toEqual([503, "DATA_UNAVAILABLE"]);
    });
  });
});
