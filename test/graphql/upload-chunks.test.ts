import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client, dataOf, failureOf, sha256 } from "../support/client.ts";
import { dialects } from "../support/databases.ts";
import { filesOnNodes } from "../support/node-folders.ts";
import { startService, type TestService } from "../support/service.ts";

const CHUNK = 65_536;

function shuffled<T>(values: readonly T[]): T[] {
  return values
    .map((value) => ({ value, turn: Math.random() }))
    .sort((a, b) => a.turn - b.turn)
    .map(({ value }) => value);
}

/** The model: the runs of indexes that are not in the set. */
function rangesWithout(received: ReadonlySet<number>, total: number): { first: number; last: number }[] {
  const ranges: { first: number; last: number }[] = [];
  for (let index = 0; index < total; index++) {
    if (received.has(index)) continue;
    const last = ranges.at(-1);
    if (last?.last === index - 1) last.last = index;
    else ranges.push({ first: index, last: index });
  }
  return ranges;
}

describe.each(dialects)("uploadChunk on %s", (dialect) => {
  let service: TestService;
  let ada: Client;
  const bytes = randomBytes(5 * CHUNK + 17);
  const chunk = (index: number) => bytes.subarray(index * CHUNK, (index + 1) * CHUNK);

  beforeAll(async () => {
    service = await startService(dialect);
    ada = await Client.register(service.url);
  });
  afterAll(() => service.stop());

  const begin = (input: object = {}) =>
    ada.begin({ filename: "a.bin", size: bytes.length, chunkSize: CHUNK, ...input });

  async function expectWhole(id: string): Promise<void> {
    dataOf(await ada.complete(id));
    const response = await ada.download(id);
    expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
  }

  test("takes chunks in any order", async () => {
    const { id } = await begin();
    for (const index of [5, 0, 3, 1, 4, 2]) dataOf(await ada.sendChunk(id, index, chunk(index)));
    await expectWhole(id);
  });

  test("takes chunks in parallel, each of them several times", async () => {
    const { id } = await begin();
    const indexes = shuffled([0, 1, 2, 3, 4, 5].flatMap((index) => [index, index, index]));
    const answers = await Promise.all(indexes.map((index) => ada.sendChunk(id, index, chunk(index))));
    for (const answer of answers) dataOf(answer);
    expect(await ada.session(id)).toMatchObject({ receivedChunks: 6, receivedBytes: bytes.length, missing: [] });
    await expectWhole(id);
  });

  test("the same bytes again change nothing", async () => {
    const { id } = await begin();
    const first = dataOf(await ada.sendChunk(id, 1, chunk(1))).uploadChunk;
    const stored = await filesOnNodes(service.folder);
    for (const digest of [undefined, sha256(chunk(1)), sha256(chunk(1)).toUpperCase()]) {
      expect(dataOf(await ada.sendChunk(id, 1, chunk(1), digest)).uploadChunk).toEqual(first);
    }
    expect(await filesOnNodes(service.folder)).toEqual(stored);
  });

  test("missing names exactly what is still to be sent, after every chunk", async () => {
    const total = 24;
    const { id } = await begin({ size: total * CHUNK - 1 });
    const received = new Set<number>();
    for (const index of shuffled(Array.from({ length: total }, (_, i) => i))) {
      const part = randomBytes(index === total - 1 ? CHUNK - 1 : CHUNK);
      const session = dataOf(await ada.sendChunk(id, index, part)).uploadChunk;
      received.add(index);
      expect(session.missing).toEqual(rangesWithout(received, total));
      expect(session.receivedChunks).toBe(received.size);
    }
    expect(await ada.session(id)).toMatchObject({ receivedBytes: total * CHUNK - 1, missing: [] });
  });

  test("a part of another length is a CHUNK_SIZE_MISMATCH that stores nothing", async () => {
    const { id } = await begin();
    const stored = await filesOnNodes(service.folder);
    for (const [index, received, expected] of [
      [0, 0, CHUNK],
      [0, 1, CHUNK],
      [0, CHUNK - 1, CHUNK],
      [0, CHUNK + 1, CHUNK],
      [0, 3 * 1024 * 1024, CHUNK],
      [5, CHUNK, 17],
      [5, 16, 17],
      [5, 0, 17],
    ] as const) {
      const failure = failureOf(await ada.sendChunk(id, index, Buffer.alloc(received)));
      expect(failure).toMatchObject({ code: "CHUNK_SIZE_MISMATCH", expected, received });
    }
    expect(await ada.session(id)).toMatchObject({ receivedChunks: 0, receivedBytes: 0 });
    expect(await filesOnNodes(service.folder)).toEqual(stored);
    dataOf(await ada.sendChunk(id, 0, chunk(0)));
    expect(failureOf(await ada.sendChunk(id, 0, chunk(5)))).toMatchObject({
      code: "CHUNK_SIZE_MISMATCH",
      received: 17,
    });
  });

  test("bytes with another SHA-256 than named are a CHUNK_DIGEST_MISMATCH that stores nothing", async () => {
    const { id } = await begin();
    const stored = await filesOnNodes(service.folder);
    const [expected, received] = [sha256(chunk(1)), sha256(chunk(0))];
    const failure = failureOf(await ada.sendChunk(id, 0, chunk(0), expected));
    expect(failure).toMatchObject({ code: "CHUNK_DIGEST_MISMATCH", expected, received });
    expect((await ada.session(id)).receivedChunks).toBe(0);
    expect(await filesOnNodes(service.folder)).toEqual(stored);
    dataOf(await ada.sendChunk(id, 0, chunk(0), received));
    expect(failureOf(await ada.sendChunk(id, 0, chunk(0), expected)).code).toBe("CHUNK_DIGEST_MISMATCH");
  });

  test.each(["", "abc", "g".repeat(64), "0".repeat(65)])("refuses %j as a SHA-256", async (digest) => {
    const { id } = await begin();
    const failure = failureOf(await ada.sendChunk(id, 0, chunk(0), digest));
    expect(failure).toMatchObject({ code: "BAD_USER_INPUT", field: "sha256" });
  });

  test("other bytes for a chunk that is there are a CHUNK_CONFLICT, and the old ones stay", async () => {
    const { id } = await begin();
    for (const index of [0, 1, 2, 3, 4, 5]) dataOf(await ada.sendChunk(id, index, chunk(index)));
    const stored = await filesOnNodes(service.folder);
    const other = randomBytes(CHUNK);
    for (const digest of [undefined, sha256(other)]) {
      const failure = failureOf(await ada.sendChunk(id, 2, other, digest));
      expect(failure).toMatchObject({
        code: "CHUNK_CONFLICT",
        index: 2,
        stored: sha256(chunk(2)),
        received: sha256(other),
      });
    }
    expect(await filesOnNodes(service.folder)).toEqual(stored);
    await expectWhole(id);
  });

  test.each([-1, 6, 2 ** 31 - 1])("has no chunk %d", async (index) => {
    const { id } = await begin();
    const failure = failureOf(await ada.sendChunk(id, index, chunk(0)));
    expect(failure).toMatchObject({ code: "BAD_USER_INPUT", field: "index" });
  });

  test("a chunk sent again after completion succeeds; other bytes are still a conflict", async () => {
    const { id } = await begin();
    for (const index of [0, 1, 2, 3, 4, 5]) dataOf(await ada.sendChunk(id, index, chunk(index)));
    await expectWhole(id);
    const session = dataOf(await ada.sendChunk(id, 3, chunk(3))).uploadChunk;
    expect(session).toMatchObject({ status: "COMPLETED", receivedChunks: 6 });
    expect(failureOf(await ada.sendChunk(id, 3, randomBytes(CHUNK))).code).toBe("CHUNK_CONFLICT");
    await expectWhole(id);
    dataOf(await ada.deleteFile(id));
    expect(failureOf(await ada.sendChunk(id, 3, chunk(3))).code).toBe("NOT_FOUND");
  });

  describe("resumeKey", () => {
    const newKey = () => `fingerprint of ${randomBytes(8).toString("hex")}`;

    test("finds the open upload with what it has", async () => {
      const resumeKey = newKey();
      const { id } = await begin({ resumeKey });
      dataOf(await ada.sendChunk(id, 1, chunk(1)));
      const found = await begin({ resumeKey, filename: "renamed meanwhile", chunkSize: 2 * CHUNK });
      expect(found).toEqual(await ada.session(id));
      expect((await begin({ resumeKey: newKey() })).id).not.toBe(id);
      expect((await begin({ resumeKey: `${resumeKey} ` })).id).not.toBe(id);
      expect((await begin({ resumeKey: resumeKey.toUpperCase() })).id).not.toBe(id);
    });

    test("refuses another size", async () => {
      const resumeKey = newKey();
      await begin({ resumeKey });
      const query = "mutation ($input: BeginUploadInput!) { beginUpload(input: $input) { id } }";
      const failure = await ada.failure(query, { input: { filename: "a.bin", size: 1, resumeKey } });
      expect(failure).toMatchObject({ code: "BAD_USER_INPUT", field: "resumeKey" });
    });

    test("is each user's own", async () => {
      const resumeKey = newKey();
      const { id } = await begin({ resumeKey });
      const bob = await Client.register(service.url);
      const other = await bob.begin({ filename: "a.bin", size: bytes.length, resumeKey });
      expect(other.id).not.toBe(id);
      expect((await begin({ resumeKey })).id).toBe(id);
    });

    test("doesn't find an upload that is completed or aborted", async () => {
      for (const close of [(id: string) => ada.complete(id), (id: string) => ada.abort(id)]) {
        const resumeKey = newKey();
        const { id } = await begin({ size: 0, resumeKey });
        dataOf(await close(id));
        const next = await begin({ resumeKey });
        expect(next.id).not.toBe(id);
        expect(next.status).toBe("OPEN");
      }
    });
  });
});
