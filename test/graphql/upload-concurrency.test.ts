import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Client, dataOf, type GraphQLAnswer, sha256 } from "../support/client.ts";
import { dialects } from "../support/databases.ts";
import { filesOnNodes, untilNodesAreEmpty } from "../support/node-folders.ts";
import { startService, type TestService } from "../support/service.ts";

const CHUNK = 65_536;
const ROUNDS = 8;

const codeOf = (answer: GraphQLAnswer) => answer.errors?.[0]?.extensions.code ?? "OK";
const tenTimes = <T>(work: (turn: number) => Promise<T>) => Promise.all(Array.from({ length: 10 }, (_, i) => work(i)));

describe.each(dialects)("uploads by several clients at once on %s", (dialect) => {
  let service: TestService;
  let ada: Client;
  let opened: string[] = [];

  beforeAll(async () => {
    service = await startService(dialect);
    ada = await Client.register(service.url);
  });
  afterEach(async () => {
    for (const id of opened) if (codeOf(await ada.abort(id)) !== "OK") await ada.deleteFile(id);
    opened = [];
    expect(await ada.data("{ files { totalCount nodes { id } } }")).toEqual({ files: { totalCount: 0, nodes: [] } });
    await untilNodesAreEmpty(service.folder);
    const failed = service.log.filter((line) => (line["level"] as number) >= 50);
    expect(failed).toEqual([]);
  });
  afterAll(() => service.stop());

  async function begin(input: object = {}) {
    const session = await ada.begin({ filename: "a.bin", size: CHUNK, chunkSize: CHUNK, ...input });
    opened.push(session.id);
    return session;
  }

  /** An upload that could be completed. */
  async function beginWhole(bytes: Uint8Array): Promise<string> {
    const { id } = await begin({ size: bytes.length });
    for (let index = 0; index * CHUNK < bytes.length; index++) {
      dataOf(await ada.sendChunk(id, index, bytes.subarray(index * CHUNK, (index + 1) * CHUNK)));
    }
    return id;
  }

  test("beginUpload: ten with one resumeKey open one upload", async () => {
    const sessions = await tenTimes(() => begin({ resumeKey: "one key" }));
    expect(new Set(sessions.map((session) => session.id)).size).toBe(1);
    const { totalCount } = (await ada.data("{ uploadSessions { totalCount } }")).uploadSessions;
    expect(totalCount).toBe(1);
  });

  test("beginUpload: ten without a resumeKey open ten uploads", async () => {
    const sessions = await tenTimes(() => begin());
    expect(new Set(sessions.map((session) => session.id)).size).toBe(10);
  });

  test("uploadChunk: the same chunk ten times at once counts once and is stored once", async () => {
    const { id } = await begin({ size: 2 * CHUNK });
    const bytes = randomBytes(CHUNK);
    const answers = await tenTimes((turn) => ada.sendChunk(id, 1, bytes, turn % 2 ? sha256(bytes) : undefined));
    for (const answer of answers) {
      const missing = [{ first: 0, last: 0 }];
      expect(dataOf(answer).uploadChunk).toMatchObject({ receivedChunks: 1, receivedBytes: CHUNK, missing });
    }
    await expect.poll(() => filesOnNodes(service.folder), { timeout: 5_000 }).toHaveLength(1);
  });

  test("uploadChunk: of ten different chunks for one index, one stays and the others are a CHUNK_CONFLICT", async () => {
    const { id } = await begin();
    const parts = Array.from({ length: 10 }, () => randomBytes(CHUNK));
    const answers = await tenTimes((turn) => ada.sendChunk(id, 0, parts[turn] as Buffer));
    const codes = answers.map(codeOf);
    expect(codes.toSorted()).toEqual([...Array(9).fill("CHUNK_CONFLICT"), "OK"]);
    const winner = parts[codes.indexOf("OK")] as Buffer;
    for (const answer of answers) {
      if (answer.errors) expect(answer.errors[0]?.extensions).toMatchObject({ stored: sha256(winner) });
    }
    dataOf(await ada.complete(id));
    const downloaded = Buffer.from(await (await ada.download(id)).arrayBuffer());
    expect(downloaded.equals(winner)).toBe(true);
    await expect.poll(() => filesOnNodes(service.folder), { timeout: 5_000 }).toHaveLength(1);
  });

  test("uploadChunk: chunks side by side are all counted", async () => {
    const { id } = await begin({ size: 32 * CHUNK });
    await Promise.all(
      Array.from({ length: 32 }, async (_, i) => dataOf(await ada.sendChunk(id, i, randomBytes(CHUNK)))),
    );
    expect(await ada.session(id)).toMatchObject({ receivedChunks: 32, receivedBytes: 32 * CHUNK, missing: [] });
  });

  test("completeUpload: ten times at once gives one file", async () => {
    const id = await beginWhole(randomBytes(CHUNK + 1));
    const [first, ...others] = (await tenTimes(() => ada.complete(id))).map((answer) => dataOf(answer).completeUpload);
    expect(first.id).toBe(id);
    for (const other of others) expect(other).toEqual(first);
    expect((await ada.data("{ files { totalCount } }")).files.totalCount).toBe(1);
  });

  test("completeUpload against abortUpload: there is a file, or there is none, and both are told so", async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const bytes = randomBytes(CHUNK + round);
      const id = await beginWhole(bytes);
      const completing = () => ada.complete(id);
      const aborting = () => ada.abort(id);
      const order = round % 2 === 0 ? [completing, aborting] : [aborting, completing];
      const answers = await Promise.all(order.map((send) => send()));
      const [completed, aborted] = (round % 2 === 0 ? answers : answers.reverse()).map(codeOf);
      expect([completed, aborted].sort()).toEqual(["OK", "UPLOAD_CLOSED"]);
      const response = await ada.download(id);
      const downloaded = Buffer.from(await response.arrayBuffer());
      const { status } = await ada.session(id);
      expect(status).toBe(completed === "OK" ? "COMPLETED" : "ABORTED");
      if (completed === "OK") expect(downloaded.equals(bytes)).toBe(true);
      else expect(response.status).toBe(404);
    }
  });

  test("uploadChunk against abortUpload: the upload is aborted, and leaves nothing", async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const { id } = await begin({ size: 4 * CHUNK });
      const sending = [0, 1, 2, 3].map((index) => ada.sendChunk(id, index, randomBytes(CHUNK)));
      const aborting = new Promise((resolve) => setTimeout(resolve, round)).then(() => ada.abort(id));
      expect(codeOf(await aborting)).toBe("OK");
      for (const answer of await Promise.all(sending)) expect(["OK", "UPLOAD_CLOSED"]).toContain(codeOf(answer));
      expect((await ada.session(id)).status).toBe("ABORTED");
    }
    await untilNodesAreEmpty(service.folder);
  });

  test("uploadChunk against completeUpload: the file is whole, or the upload incomplete", async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const { id } = await begin();
      const bytes = randomBytes(CHUNK);
      const [sent, completed] = await Promise.all([ada.sendChunk(id, 0, bytes), ada.complete(id)]);
      expect(codeOf(sent)).toBe("OK");
      expect(["OK", "UPLOAD_INCOMPLETE"]).toContain(codeOf(completed));
      expect(dataOf(await ada.complete(id)).completeUpload.size).toBe(CHUNK);
    }
  });

  test("deleteFile against a download: every byte that comes is right, and a cut is no end", async () => {
    const bytes = randomBytes(40 * CHUNK);
    const id = await beginWhole(bytes);
    dataOf(await ada.complete(id));
    const [response] = await Promise.all([ada.download(id), ada.deleteFile(id)]);
    if (response.status === 200) {
      const whole = await response.arrayBuffer().catch(() => null);
      if (whole !== null) expect(Buffer.from(whole).equals(bytes)).toBe(true);
    } else expect([404, 503]).toContain(response.status);
    expect((await ada.download(id)).status).toBe(404);
    service.log.length = 0;
  });

  test("deleteFile: ten times at once, all succeed", async () => {
    const id = await beginWhole(randomBytes(CHUNK));
    dataOf(await ada.complete(id));
    for (const answer of await tenTimes(() => ada.deleteFile(id))) expect(dataOf(answer)).toEqual({ deleteFile: true });
  });
});
