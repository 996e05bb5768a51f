import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Client, dataOf } from "../support/client.ts";
import { dialects } from "../support/databases.ts";
import { startService, type TestService } from "../support/service.ts";

const CHUNK = 65_536;
const QUOTA = 10 * CHUNK;
const STORAGE = "{ me { storage { usedBytes reservedBytes quotaBytes } } }";
const BEGIN = "mutation ($input: BeginUploadInput!) { beginUpload(input: $input) { id } }";

describe.each(dialects)("DEFAULT_QUOTA on %s", (dialect) => {
  let service: TestService;
  let ada: Client;

  beforeAll(async () => {
    service = await startService(dialect, { DEFAULT_QUOTA: String(QUOTA) });
  });
  beforeEach(async () => {
    ada = await Client.register(service.url);
  });
  afterAll(() => service.stop());

  const storage = async () => (await ada.data(STORAGE)).me.storage;
  const is = (usedBytes: number, reservedBytes: number) => ({ usedBytes, reservedBytes, quotaBytes: QUOTA });
  const begin = (size: number, resumeKey?: string) =>
    ada.begin({ filename: "a.bin", size, chunkSize: CHUNK, ...(resumeKey !== undefined && { resumeKey }) });
  const refusal = (size: number) => ada.failure(BEGIN, { input: { filename: "a.bin", size } });

  test("an upload counts as reserved from its begin, as used from its completion, and not at all when deleted", async () => {
    expect(await storage()).toEqual(is(0, 0));
    const bytes = randomBytes(2 * CHUNK + 1);
    const { id } = await begin(bytes.length);
    expect(await storage()).toEqual(is(0, bytes.length));
    for (const index of [0, 1, 2]) {
      dataOf(await ada.sendChunk(id, index, bytes.subarray(index * CHUNK, (index + 1) * CHUNK)));
      expect(await storage()).toEqual(is(0, bytes.length));
    }
    for (let time = 0; time < 2; time++) {
      dataOf(await ada.complete(id));
      expect(await storage()).toEqual(is(bytes.length, 0));
    }
    for (let time = 0; time < 2; time++) {
      dataOf(await ada.deleteFile(id));
      expect(await storage()).toEqual(is(0, 0));
    }
  });

  test("an upload that doesn't fit is QUOTA_EXCEEDED with the numbers, and changes nothing", async () => {
    await ada.upload("a.bin", randomBytes(CHUNK), { chunkSize: CHUNK });
    await begin(2 * CHUNK);
    const facts = { usedBytes: CHUNK, reservedBytes: 2 * CHUNK, quotaBytes: QUOTA };
    expect(await refusal(7 * CHUNK + 1)).toMatchObject({ code: "QUOTA_EXCEEDED", requested: 7 * CHUNK + 1, ...facts });
    expect(await storage()).toEqual(facts);
    await begin(7 * CHUNK);
    expect(await refusal(1)).toMatchObject({ code: "QUOTA_EXCEEDED", requested: 1 });
    await begin(0);
  });

  test("abortUpload gives back once, however often it is repeated", async () => {
    const { id } = await begin(QUOTA);
    await Promise.all(Array.from({ length: 5 }, () => ada.abort(id)));
    expect(await storage()).toEqual(is(0, 0));
    await begin(QUOTA);
    dataOf(await ada.abort(id));
    expect(await storage()).toEqual(is(0, QUOTA));
  });

  test("a resumeKey's open upload is found again without reserving anew, even where the quota is full", async () => {
    const sessions = await Promise.all(Array.from({ length: 6 }, () => begin(QUOTA, "key")));
    expect(new Set(sessions.map((session) => session.id)).size).toBe(1);
    expect((await begin(QUOTA, "key")).id).toBe(sessions[0].id);
    expect(await storage()).toEqual(is(0, QUOTA));
  });

  test("of many uploads begun at once, as many are let in as fit", async () => {
    const input = { filename: "a.bin", size: 3 * CHUNK };
    const answers = await Promise.all(Array.from({ length: 12 }, () => ada.send(BEGIN, { input })));
    const codes = answers.map((answer) => answer.errors?.[0]?.extensions.code ?? "OK").sort();
    expect(codes).toEqual([...Array(3).fill("OK"), ...Array(9).fill("QUOTA_EXCEEDED")]);
    expect(await storage()).toEqual(is(0, 9 * CHUNK));
  });

  test("each user has their own", async () => {
    await begin(QUOTA);
    const grace = await Client.register(service.url);
    await grace.begin({ filename: "a.bin", size: QUOTA });
    expect((await grace.data(STORAGE)).me.storage).toEqual(is(0, QUOTA));
  });
});

test.concurrent.for(dialects)(
  "%s: an upload that expires gives back what it reserved, and makes room for its like",
  async (dialect, { expect }) => {
    const service = await startService(dialect, { DEFAULT_QUOTA: String(QUOTA), UPLOAD_EXPIRY: "1s" });
    try {
      const ada = await Client.register(service.url);
      const storage = async () => (await ada.data(STORAGE)).me.storage;
      const input = { filename: "a.bin", size: QUOTA / 2, chunkSize: CHUNK, resumeKey: "key" };
      const [named] = await Promise.all([ada.begin(input), ada.begin({ ...input, resumeKey: "other" })]);
      await expect.poll(async () => (await ada.session(named.id)).status).toBe("EXPIRED");
      expect((await ada.begin(input)).id).not.toBe(named.id);
      const nothing = { usedBytes: 0, reservedBytes: 0, quotaBytes: QUOTA };
      await expect.poll(storage).toEqual(nothing);
    } finally {
      await service.stop();
    }
  },
);
