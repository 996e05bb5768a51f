import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { databaseOptions } from "../../mikro-orm.config.ts";
import { Database } from "../../src/database/database.ts";
import { Client } from "../support/client.ts";
import { acceptanceDialects } from "../support/databases.ts";
import { blobFile } from "../support/node-folders.ts";
import { storageNodes, Workspace } from "../support/workspace.ts";
import { blobsOn, StoredFiles, startLoad } from "./stored-files.ts";

// A command is a process each time.
vi.setConfig({ testTimeout: 240_000 });

const UNHURRIED = { timeout: 180_000, interval: 100 };

async function workspaceOf(dialect: "sqlite" | "mysql", names: readonly string[], settings: Record<string, string>) {
  const workspace = await Workspace.create(dialect, { LOG_LEVEL: "error", ...settings });
  Object.assign(workspace.settings, { STORAGE_NODES: storageNodes(workspace.folder, names) });
  return workspace;
}

async function execute(workspace: Workspace, statement: string): Promise<void> {
  const database = await Database.open(databaseOptions(workspace.settings["DATABASE_URL"] as string));
  await database.transaction((em) => em.execute(statement, [], "run"));
  await database.close();
}

test.for(acceptanceDialects("mysql"))(
  "%s: a node is drained under load and taken away, and every byte comes back",
  async (dialect) => {
    const workspace = await workspaceOf(dialect, ["node1", "node2", "node3"], { REPLICAS: "2" });
    const server = await workspace.start();
    const client = await Client.register(server.url);
    const files = new StoredFiles();
    for (let i = 0; i < 10; i++) await files.upload(client, `before-${i}`, 8);
    expect((await blobsOn(workspace.folder, "node1")).length).toBeGreaterThan(20);

    const load = startLoad(client, files);
    const { code, stdout, stderr } = await workspace.admin(["drain", "node1"]).ended;
    const requests = await load.stop();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("node1 accepts no new chunks any more.");
    expect(stdout).toContain("No chunk is left on node1.");
    expect(requests).toBeGreaterThan(20);
    expect(await blobsOn(workspace.folder, "node1")).toEqual([]);

    expect(await server.end("SIGTERM")).toBe(0);
    await rm(join(workspace.folder, "node1"), { recursive: true });
    Object.assign(workspace.settings, { STORAGE_NODES: storageNodes(workspace.folder, ["node2", "node3"]) });
    const smaller = await workspace.start();
    await files.checkAll(new Client(smaller.url, client.token));
    const status = await workspace.admin(["status"]).ended;
    expect(status.stdout).not.toContain("node1");
    expect(status.stdout).toContain("0 chunks with fewer");
  },
);

test.for(acceptanceDialects("sqlite"))(
  "%s: a drain that was interrupted, or killed, is carried on by the same command",
  async (dialect) => {
    const workspace = await workspaceOf(dialect, ["node1"], {});
    const server = await workspace.start();
    const client = await Client.register(server.url);
    const files = new StoredFiles();
    for (let i = 0; i < 3; i++) await files.upload(client, `file-${i}`, 100);
    await server.end("SIGTERM");
    Object.assign(workspace.settings, { STORAGE_NODES: storageNodes(workspace.folder, ["node1", "node2"]) });
    const left = async () => (await blobsOn(workspace.folder, "node1")).length;

    const slow = { REPAIR_RATE: "2MiB" };
    const first = workspace.admin(["drain", "node1"], slow);
    await expect.poll(left, UNHURRIED).toBeLessThan(290);
    first.process.kill("SIGINT");
    const interrupted = await first.ended;
    expect(interrupted.code).toBe(130);
    expect(interrupted.stderr.trim()).toBe(
      "Stopped at a safe place; what is done is done. The same command carries on.",
    );
    const then = await left();
    expect(then).toBeGreaterThan(10);

    const second = workspace.admin(["drain", "node1"], slow);
    await expect.poll(left, UNHURRIED).toBeLessThan(then - 10);
    second.process.kill("SIGKILL");
    expect((await second.ended).code).toBeNull();
    expect(await left()).toBeGreaterThan(10);
    // So that nobody needs to wait until the dead one's time is up.
    await execute(workspace, "delete from leases");

    const third = await workspace.admin(["drain", "node1"]).ended;
    expect(third).toMatchObject({ code: 0, stderr: "" });
    // A row goes before its blob: one whose row was gone when the command was killed is the sweep's to remove.
    expect(await left()).toBeLessThanOrEqual(1);
    expect(await blobsOn(workspace.folder, "node2")).toHaveLength(300);
    const again = await workspace.start();
    await files.checkAll(new Client(again.url, client.token));
  },
);

test.for(acceptanceDialects("mysql"))(
  "%s: running servers carry a drain on, and the command says that they are at it",
  async (dialect) => {
    const workspace = await workspaceOf(dialect, ["node1"], { REPAIR_RATE: "1MiB" });
    const first = await workspace.start();
    const client = await Client.register(first.url);
    const files = new StoredFiles();
    await files.upload(client, "file", 200);
    await first.end("SIGTERM");
    Object.assign(workspace.settings, { STORAGE_NODES: storageNodes(workspace.folder, ["node1", "node2"]) });
    await workspace.start();
    await execute(workspace, "update storage_nodes set draining = true where name = 'node1'");
    await expect.poll(async () => (await blobsOn(workspace.folder, "node1")).length, UNHURRIED).toBeLessThan(200);
    const { code, stdout } = await workspace.admin(["drain", "node1"]).ended;
    expect(code).toBe(0);
    expect(stdout).toContain("Another process, such as a server, drains at the moment. Waiting for it…");
    expect(stdout).toMatch(/\d+ of \d+ chunks moved \(\d+ %\)/);
    expect(await blobsOn(workspace.folder, "node1")).toEqual([]);
  },
);

test("a dead node is drained from other copies; what can't be restored is listed", async () => {
  const workspace = await workspaceOf("sqlite", ["node1", "node2", "node3"], { REPLICAS: "2" });
  const server = await workspace.start();
  const client = await Client.register(server.url);
  const files = new StoredFiles();
  for (let i = 0; i < 5; i++) await files.upload(client, `file-${i}`, 6);
  await server.end("SIGTERM");
  const { folder } = workspace;
  const ids = await blobsOn(folder, "node1");
  await rename(join(folder, "node1"), join(folder, "dead"));
  const [lost = ""] = ids;
  const other = (await blobsOn(folder, "node2")).includes(lost) ? "node2" : "node3";
  const onlyCopy = blobFile(folder, other, lost);
  await rename(onlyCopy, join(folder, "kept"));

  const failed = await workspace.admin(["drain", "node1"]).ended;
  expect(failed.code).toBe(1);
  expect(failed.stderr).toContain("1 chunk could not be moved off node1");
  expect(failed.stderr).toMatch(
    new RegExp(`chunk ${lost} of file-\\d \\(.*\\) at byte \\d+: no good copy can be read`),
  );

  // Also where it isn't configured any more.
  await rename(join(folder, "kept"), onlyCopy);
  Object.assign(workspace.settings, { STORAGE_NODES: storageNodes(folder, ["node2", "node3"]) });
  const status = await workspace.admin(["status"]).ended;
  expect(status.stdout).toMatch(/node1 +\? +GONE +yes +1 .* not in STORAGE_NODES/);
  expect(await workspace.admin(["drain", "node1"]).ended).toMatchObject({ code: 0, stderr: "" });
  const again = await workspace.start();
  await files.checkAll(new Client(again.url, client.token));
  expect(await blobsOn(folder, "node2")).toEqual(await blobsOn(folder, "node3"));
});

test("a node isn't drained where the others can't hold all copies; --undo takes the mark back", async () => {
  const workspace = await Workspace.create("sqlite", { REPLICAS: "2" });
  await (await workspace.start()).end("SIGTERM");
  const refused = await workspace.admin(["drain", "node1"]).ended;
  expect(refused.code).toBe(2);
  expect(refused.stderr).toBe(
    "node1 can't be drained: with REPLICAS=2, as many other nodes must take chunks, and there is 1. Add a node to STORAGE_NODES first.\n",
  );
  const one = { REPLICAS: "1" };
  expect((await workspace.admin(["drain", "node1"], one).ended).code).toBe(0);
  expect((await workspace.admin(["status"]).ended).stdout).toMatch(/node1 +LOCAL +DRAINING +yes/);
  expect((await workspace.admin(["drain", "node1", "--undo"]).ended).code).toBe(0);
  expect((await workspace.admin(["status"]).ended).stdout).toMatch(/node1 +LOCAL +UP +no/);
  const unknown = await workspace.admin(["drain", "node7"]).ended;
  expect(unknown).toMatchObject({ code: 2, stderr: "There is no storage node node7. There are: node1, node2.\n" });
});
