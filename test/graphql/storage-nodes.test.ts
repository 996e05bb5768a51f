import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client } from "../support/client.ts";
import { dialects } from "../support/databases.ts";
import { startService, type TestService } from "../support/service.ts";

const QUERY = "{ storageNodes { name kind state chunks usedBytes freeBytes } }";

describe.each(dialects)("storageNodes on %s", (dialect) => {
  let service: TestService;
  let user: Client;

  beforeAll(async () => {
    service = await startService(dialect, { REPLICAS: "2", NODE_TIMEOUT: "2s" });
    user = await Client.register(service.url);
  });
  afterAll(() => service.stop());

  test("is UNAUTHENTICATED without a token, FORBIDDEN to users", async () => {
    expect(await new Client(service.url).failure(QUERY)).toMatchObject({ code: "UNAUTHENTICATED" });
    expect(await new Client(service.url, "stw_wrong").failure(QUERY)).toMatchObject({ code: "UNAUTHENTICATED" });
    expect(await user.failure(QUERY)).toMatchObject({ code: "FORBIDDEN" });
  });

  test("tells an administrator of every node, and what the database knows on it", async () => {
    const bytes = Buffer.alloc(3 * 65_536 + 1, "nodes");
    await user.upload("nodes.bin", bytes, { chunkSize: 65_536 });
    const admin = await service.administrator();
    const { storageNodes } = await admin.data(QUERY);
    const node = { kind: "LOCAL", state: "UP", chunks: 4, usedBytes: bytes.length, freeBytes: expect.any(Number) };
    expect(storageNodes).toEqual([
      { name: "node1", ...node },
      { name: "node2", ...node },
    ]);
  });

  test("tells of a node that drains, and of one whose folder is empty, as the health does", async () => {
    const admin = await service.administrator();
    await service.database((em) => em.execute("update storage_nodes set draining = ? where name = 'node1'", [true]));
    const folder = join(service.folder, "node2");
    await rename(folder, `${folder}.unmounted`);
    await mkdir(folder);
    const states = async () => {
      const { storageNodes } = await admin.data(QUERY);
      return storageNodes.map((node: { state: string; freeBytes: number | null }) => [
        node.state,
        typeof node.freeBytes,
      ]);
    };
    await expect.poll(states, { timeout: 20_000 }).toEqual([
      ["DRAINING", "number"],
      ["DOWN", "object"],
    ]);
    const stranger = await fetch(`${service.url}/health/ready`);
    const nodes = [{ state: "DRAINING" }, { state: "DOWN" }];
    expect(await stranger.json()).toEqual({ status: "ok", database: "up", nodes });
    const ready = await fetch(`${service.url}/health/ready`, { headers: { authorization: `Bearer ${admin.token}` } });
    expect([ready.status, await ready.json()]).toEqual([
      200,
      {
        status: "ok",
        database: "up",
        nodes: [
          { name: "node1", kind: "LOCAL", state: "DRAINING", freeBytes: expect.any(Number), failures: 0 },
          { name: "node2", kind: "LOCAL", state: "DOWN", freeBytes: null, failures: expect.any(Number) },
        ],
      },
    ]);
    const upload = await user.begin({ filename: "nowhere.bin", size: 10 });
    expect((await user.sendChunk(upload.id, 0, Buffer.alloc(10))).errors?.[0]?.extensions.code).toBe(
      "SERVICE_UNAVAILABLE",
    );
  });
});
