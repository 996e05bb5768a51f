import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client } from "../support/client.ts";
import { dialects } from "../support/databases.ts";
import { blobFile } from "../support/node-folders.ts";
import { startService, type TestService } from "../support/service.ts";
import { storageNodes } from "../support/workspace.ts";

const DONE = { timeout: 30_000, interval: 200 };
const MUTATIONS = {
  drainNode: `mutation ($name: String!) { drainNode(name: $name) { name state draining } }`,
  undrainNode: `mutation ($name: String!) { undrainNode(name: $name) { name state draining } }`,
  scrubNode: `mutation ($name: String!) { scrubNode(name: $name) { name error failures } }`,
};
const REBALANCE = "mutation { rebalanceNodes }";

describe.each(dialects)("administrators' acts on nodes, on %s", (dialect) => {
  let root: string;
  let service: TestService;
  let user: Client;
  let admin: Client;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "stowage-acts-"));
    const nodes = storageNodes(root, ["node1", "node2", "node3"]);
    service = await startService(dialect, { REPLICAS: "2", SCRUB_PERIOD: "off", STORAGE_NODES: nodes });
    user = await Client.register(service.url);
    admin = await service.administrator();
  });
  afterAll(async () => {
    await service.stop();
    await rm(root, { recursive: true });
  });

  const blobs = async (node: string) => {
    const entries = await readdir(join(root, node, "blobs"), { recursive: true, withFileTypes: true });
    return entries.flatMap((entry) => (entry.isFile() ? entry.name : []));
  };

  test("are FORBIDDEN to users; an unknown node is BAD_USER_INPUT with the names that there are", async () => {
    for (const mutation of Object.values(MUTATIONS)) {
      expect(await user.failure(mutation, { name: "node1" })).toMatchObject({ code: "FORBIDDEN" });
      const { errors } = await admin.send(mutation, { name: "node9" });
      expect(errors?.[0]?.extensions).toMatchObject({ code: "BAD_USER_INPUT", field: "name" });
      expect(errors?.[0]?.message).toBe("There is no storage node node9. There are: node1, node2, node3.");
    }
    expect(await user.failure(REBALANCE)).toMatchObject({ code: "FORBIDDEN" });
    expect(await new Client(service.url).failure(REBALANCE)).toMatchObject({ code: "UNAUTHENTICATED" });
  });

  test("drainNode: the background moves everything off; a second one would leave too few; undrainNode takes it back", async () => {
    const bytes = Buffer.alloc(20 * 65_536, "drain");
    const { id } = await user.upload("drain.bin", bytes, { chunkSize: 65_536 });
    expect((await blobs("node1")).length).toBeGreaterThan(0);
    const drained = { name: "node1", state: "DRAINING", draining: true };
    for (let time = 0; time < 2; time++) {
      expect((await admin.data(MUTATIONS.drainNode, { name: "node1" })).drainNode).toEqual(drained);
    }
    expect(await admin.failure(MUTATIONS.drainNode, { name: "node2" })).toMatchObject({ code: "BAD_USER_INPUT" });
    await expect.poll(() => blobs("node1"), DONE).toEqual([]);
    await user.upload("after.bin", bytes, { chunkSize: 65_536 });
    expect(await blobs("node1")).toEqual([]);
    expect(Buffer.from(await (await user.download(id)).arrayBuffer()).equals(bytes)).toBe(true);
    const { undrainNode } = await admin.data(MUTATIONS.undrainNode, { name: "node1" });
    expect(undrainNode).toEqual({ name: "node1", state: "UP", draining: false });
  });

  test("rebalanceNodes: the background fills the emptied node", async () => {
    expect((await blobs("node1")).length).toBe(0);
    expect((await admin.data(REBALANCE)).rebalanceNodes).toBe(true);
    await expect.poll(async () => (await blobs("node1")).length, DONE).toBeGreaterThan(15);
    const requests = () => service.database((em) => em.execute("select * from upkeep_requests"));
    await expect.poll(requests, DONE).toEqual([]);
  });

  test("scrubNode: the background finds a flipped bit and restores the copy", async () => {
    const [id = ""] = await blobs("node2");
    const path = blobFile(root, "node2", id);
    const good = await readFile(path);
    const bad = Buffer.from(good);
    bad[77] = (bad[77] as number) ^ 1;
    await writeFile(path, bad);
    const { scrubNode } = await admin.data(MUTATIONS.scrubNode, { name: "node2" });
    expect(scrubNode).toEqual({ name: "node2", error: null, failures: expect.any(Number) });
    await expect.poll(async () => (await readFile(path).catch(() => null))?.equals(good), DONE).toBe(true);
  });
});
