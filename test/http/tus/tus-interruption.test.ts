import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { databaseOptions } from "../../../mikro-orm.config.ts";
import { Database } from "../../../src/database/database.ts";
import { Client } from "../../support/client.ts";
import { dialects } from "../../support/databases.ts";
import { filesOnNodes } from "../../support/node-folders.ts";
import { startService, type TestService } from "../../support/service.ts";
import { idOf, TusRequests } from "../../support/tus-requests.ts";

const CHUNK = 65_536;
/** Who asks for an offset is kept waiting while bytes come. */
const PATIENT = { timeout: 20_000 };

describe.each(dialects)("interrupted tus uploads on %s", (dialect) => {
  let service: TestService;
  let tus: TusRequests;
  const bytes = randomBytes(10 * CHUNK + 9);

  beforeAll(async () => {
    service = await startService(dialect, { CHUNK_SIZE: "64KiB", MAX_FILE_SIZE: "10MiB" });
    tus = new TusRequests(await Client.register(service.url));
  });
  afterAll(() => service.stop());

  const begin = () => tus.create({ "upload-length": String(bytes.length) });
  async function finish(path: string) {
    const offset = await tus.offset(path);
    expect((await tus.append(path, offset, bytes.subarray(offset))).status).toBe(204);
    const file = Buffer.from(await (await tus.client.download(idOf(path))).arrayBuffer());
    expect(file.equals(bytes)).toBe(true);
  }

  test.for([1, 1000, CHUNK, CHUNK + 1, 4 * CHUNK + 77])(
    "of a connection that ends, %i bytes are kept",
    async (sent) => {
      const path = await begin();
      const request = tus.begin(path, 0, bytes.length, bytes.subarray(0, sent));
      request.end();
      await request.closed;
      await expect.poll(() => tus.offset(path), PATIENT).toBe(sent);
      await finish(path);
    },
  );

  test.for(["end", "reset"] as const)(
    "chunks are kept while a request goes on, and the rest at the connection's %s",
    async (how) => {
      const path = await begin();
      const sent = 9 * CHUNK + 1;
      const request = tus.begin(path, 0, bytes.length, bytes.subarray(0, sent));
      await expect.poll(() => tus.offset(path), PATIENT).toBeGreaterThanOrEqual(4 * CHUNK);
      const kept = await tus.offset(path);
      expect(kept % CHUNK).toBe(0);
      request[how]();
      await expect.poll(() => tus.offset(path), PATIENT).toBeGreaterThan(kept);
      // A reset may overtake what was sent before it.
      if (how === "end") expect(await tus.offset(path)).toBe(sent);
      await finish(path);
    },
  );

  test("of two requests at the same offset one wins, and no byte of the other stays", async () => {
    const path = await begin();
    const before = (await filesOnNodes(service.folder)).length;
    const requests = [0, 1].map(() => tus.begin(path, 0, bytes.length, bytes.subarray(0, 5)));
    for (const request of requests) request.send(bytes.subarray(5));
    expect((await Promise.all(requests.map((request) => request.status))).sort()).toEqual([204, 409]);
    for (const request of requests) request.reset();
    const file = Buffer.from(await (await tus.client.download(idOf(path))).arrayBuffer());
    expect(file.equals(bytes)).toBe(true);
    await expect.poll(async () => (await filesOnNodes(service.folder)).length - before, PATIENT).toBe(11);
  });

  test("a request that is overtaken by another is refused with 409, and harms nothing", async () => {
    const path = await begin();
    const slow = tus.begin(path, 0, bytes.length, bytes.subarray(0, 100));
    const offset = 3 * CHUNK;
    expect((await tus.append(path, 0, bytes.subarray(0, offset))).status).toBe(204);
    slow.send(bytes.subarray(100, 2 * CHUNK));
    slow.send(bytes.subarray(2 * CHUNK));
    expect(await slow.status).toBe(409);
    slow.reset();
    expect(await tus.offset(path)).toBe(offset);
    await finish(path);
  });

  test("an aborted upload takes no more, also of a request that is under way", async () => {
    const path = await begin();
    const request = tus.begin(path, 0, bytes.length, bytes.subarray(0, 100));
    await tus.client.abort(idOf(path));
    request.send(bytes.subarray(100));
    expect(await request.status).toBe(410);
    request.reset();
    await expect.poll(async () => (await tus.send("HEAD", path)).status, PATIENT).toBe(410);
  });

  test("an expired upload is gone, and what it reserved is free", async () => {
    const path = await begin();
    await tus.append(path, 0, bytes.subarray(0, 100));
    await inDatabase("update files set expires_at = ? where id = ?", [new Date(0), idOf(path)]);
    await expect.poll(async () => (await tus.send("HEAD", path)).status, PATIENT).toBe(410);
    expect(await tus.append(path, 100, bytes.subarray(100))).toMatchObject({ status: 410 });
  });

  test("an upload whose last byte was kept just before a crash is completed by whoever asks for it", async () => {
    const path = await begin();
    await tus.append(path, 0, bytes);
    // As it was before it was completed.
    const reopened = "update files set status = 'OPEN', digest = null, completed_at = null where id = ?";
    await inDatabase(reopened, [idOf(path)]);
    await inDatabase("update users set reserved_bytes = reserved_bytes + ?, used_bytes = used_bytes - ?", [
      bytes.length,
      bytes.length,
    ]);
    expect(await tus.offset(path)).toBe(bytes.length);
    expect((await tus.client.download(idOf(path))).status).toBe(200);
  });

  async function inDatabase(statement: string, params: unknown[]) {
    const database = await Database.open(databaseOptions(service.databaseUrl));
    await database.transaction((em) => em.execute(statement, params));
    await database.close();
  }
});
