import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client, dataOf, failureOf, type GraphQLAnswer } from "../support/client.ts";
import { type Dialect, dialects, newDatabaseUrl } from "../support/databases.ts";
import { filesOnNodes, untilNodesAreEmpty } from "../support/node-folders.ts";
import { startService, type TestService } from "../support/service.ts";

const CHUNK = 65_536;
const bytes = randomBytes(3 * CHUNK + 1);
const chunk = (index: number) => bytes.subarray(index * CHUNK, (index + 1) * CHUNK);

describe.each(dialects)("the end of an upload on %s", (dialect) => {
  describe("abortUpload", () => {
    let service: TestService;
    let ada: Client;

    beforeAll(async () => {
      service = await startService(dialect);
      ada = await Client.register(service.url);
    });
    afterAll(() => service.stop());

    test("closes the upload and frees what it held; again changes nothing", async () => {
      const { id } = await ada.begin({ filename: "a.bin", size: bytes.length, chunkSize: CHUNK });
      for (const index of [0, 3]) dataOf(await ada.sendChunk(id, index, chunk(index)));
      expect(await filesOnNodes(service.folder)).toHaveLength(2);
      for (let time = 0; time < 2; time++) expect(dataOf(await ada.abort(id))).toEqual({ abortUpload: true });
      await untilNodesAreEmpty(service.folder);
      expect(await ada.session(id)).toMatchObject({ status: "ABORTED", missing: [] });
      const closed = { code: "UPLOAD_CLOSED", status: "ABORTED" };
      expect(failureOf(await ada.sendChunk(id, 1, chunk(1)))).toMatchObject(closed);
      expect(failureOf(await ada.sendChunk(id, 0, chunk(0)))).toMatchObject(closed);
      expect(failureOf(await ada.complete(id))).toMatchObject(closed);
      expect(dataOf(await ada.abort(id))).toEqual({ abortUpload: true });
      expect(await filesOnNodes(service.folder)).toEqual([]);
    });

    test("is refused once the upload is a file", async () => {
      const { id } = await ada.upload("a.bin", chunk(0));
      expect(failureOf(await ada.abort(id))).toMatchObject({ code: "UPLOAD_CLOSED", status: "COMPLETED" });
      expect((await (await ada.download(id)).arrayBuffer()).byteLength).toBeGreaterThan(CHUNK - 1);
      dataOf(await ada.deleteFile(id));
      expect(failureOf(await ada.abort(id)).code).toBe("NOT_FOUND");
    });
  });

  test("a service started again on the same folders and database carries on where it was", async () => {
    await onSharedPlace(dialect, async (settings) => {
      let service = await startService(dialect, settings);
      const ada = await Client.register(service.url);
      const { id } = await ada.begin({ filename: "a.bin", size: bytes.length, chunkSize: CHUNK });
      for (const index of [0, 2]) dataOf(await ada.sendChunk(id, index, chunk(index)));
      const before = await ada.session(id);
      const file = await ada.upload("b.bin", chunk(1));
      await service.stop();

      service = await startService(dialect, settings);
      const again = new Client(service.url, ada.token);
      expect(await again.session(id)).toEqual(before);
      dataOf(await again.sendChunk(id, 0, chunk(0)));
      for (const index of [3, 1]) dataOf(await again.sendChunk(id, index, chunk(index)));
      await service.stop();

      service = await startService(dialect, settings);
      const third = new Client(service.url, ada.token);
      dataOf(await third.complete(id));
      expect(Buffer.from(await (await third.download(id)).arrayBuffer()).equals(bytes)).toBe(true);
      expect(Buffer.from(await (await third.download(file.id)).arrayBuffer()).equals(chunk(1))).toBe(true);
      await service.stop();
    });
  });
});

// Side by side, because they mostly wait.
describe.concurrent.each(dialects)("UPLOAD_EXPIRY on %s", (dialect) => {
  test("closes an upload that nothing more arrives for, and frees what it held", async ({ expect }) => {
    const service = await startService(dialect, { UPLOAD_EXPIRY: "4s" });
    try {
      const ada = await Client.register(service.url);
      const input = { filename: "a.bin", size: bytes.length, chunkSize: CHUNK, resumeKey: "key" };
      const { id } = await ada.begin(input);
      dataOf(await ada.sendChunk(id, 0, chunk(0)));
      const ended = { status: "EXPIRED", missing: [] };
      await expect.poll(() => ada.session(id), { timeout: 60_000, interval: 100 }).toMatchObject(ended);
      const closed = { code: "UPLOAD_CLOSED", status: "EXPIRED" };
      expect(failureOf(await ada.sendChunk(id, 1, chunk(1)))).toMatchObject(closed);
      expect(failureOf(await ada.sendChunk(id, 0, chunk(0)))).toMatchObject(closed);
      expect(failureOf(await ada.complete(id))).toMatchObject(closed);
      expect((await ada.data("{ uploadSessions { totalCount } }")).uploadSessions.totalCount).toBe(0);
      const sessions = await Promise.all([ada.begin(input), ada.begin(input), ada.begin(input)]);
      expect(new Set(sessions.map((session) => session.id)).size).toBe(1);
      expect(sessions[0]).toMatchObject({ status: "OPEN", receivedChunks: 0 });
      expect(sessions[0].id).not.toBe(id);
      await untilNodesAreEmpty(service.folder);
      expect(dataOf(await ada.abort(id))).toEqual({ abortUpload: true });
      expect(await ada.session(id)).toMatchObject({ status: "EXPIRED" });
    } finally {
      await service.stop();
    }
  });

  test("begins anew with each chunk", async ({ expect }) => {
    const service = await startService(dialect, { UPLOAD_EXPIRY: "5s" });
    try {
      const ada = await Client.register(service.url);
      const { id } = await ada.begin({ filename: "a.bin", size: bytes.length, chunkSize: CHUNK });
      for (const index of [0, 1, 2, 3]) {
        await sleep(1_500);
        dataOf(await ada.sendChunk(id, index, chunk(index)));
      }
      dataOf(await ada.complete(id));
      await sleep(5_100);
      expect((await (await ada.download(id)).arrayBuffer()).byteLength).toBeGreaterThan(CHUNK - 1);
    } finally {
      await service.stop();
    }
  });
});

test("two instances on one MySQL database and the same folders take chunks of one upload", async () => {
  await onSharedPlace("mysql", async (settings) => {
    const services = await Promise.all([startService("mysql", settings), startService("mysql", settings)]);
    try {
      const ada = await Client.register(services[0].url);
      const clients = services.map((service) => new Client(service.url, ada.token)) as [Client, Client];
      const input = { filename: "a.bin", size: bytes.length, chunkSize: CHUNK, resumeKey: "key" };
      const sessions = await Promise.all([0, 1, 0, 1, 0, 1].map((i) => (clients[i] as Client).begin(input)));
      const { id } = sessions[0];
      expect(new Set(sessions.map((session) => session.id)).size).toBe(1);
      const sending: Promise<GraphQLAnswer>[] = [];
      for (const index of [0, 1, 2, 3]) {
        for (const client of clients) sending.push(client.sendChunk(id, index, chunk(index)));
      }
      for (const answer of await Promise.all(sending)) dataOf(answer);
      const files = await Promise.all(clients.map(async (client) => dataOf(await client.complete(id)).completeUpload));
      expect(files[0]).toEqual(files[1]);
      for (const client of clients) {
        expect(Buffer.from(await (await client.download(id)).arrayBuffer()).equals(bytes)).toBe(true);
      }
    } finally {
      await Promise.all(services.map((service) => service.stop()));
    }
  });
});

/** Hands on the settings of a database and folders that outlive a service. */
async function onSharedPlace(dialect: Dialect, work: (settings: Record<string, string>) => Promise<void>) {
  const folder = await mkdtemp(join(tmpdir(), "stowage-shared-"));
  try {
    await work({
      DATABASE_URL: newDatabaseUrl(dialect, folder),
      STORAGE_NODES: `node1=file:${join(folder, "node1")},node2=file:${join(folder, "node2")}`,
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}
