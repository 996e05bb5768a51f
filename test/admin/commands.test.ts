import { mkdir, open, readFile, rename, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { v7 as uuidv7 } from "uuid";
import { expect, test, vi } from "vitest";
import { Client } from "../support/client.ts";
import { acceptanceDialects } from "../support/databases.ts";
import { blobFile } from "../support/node-folders.ts";
import { storageNodes, Workspace } from "../support/workspace.ts";
import { blobsOn, StoredFiles } from "./stored-files.ts";

// A command is a process each time.
vi.setConfig({ testTimeout: 240_000 });

const HEALED = { timeout: 180_000, interval: 200 };
const DAY_MS = 24 * 3600_000;

function useNodes(workspace: Workspace, names: readonly string[]): void {
  Object.assign(workspace.settings, { STORAGE_NODES: storageNodes(workspace.folder, names) });
}

async function workspaceWith(dialect: "sqlite" | "mysql", settings: Record<string, string>, chunks: number) {
  const workspace = await Workspace.create(dialect, { LOG_LEVEL: "error", ...settings });
  const server = await workspace.start();
  const client = await Client.register(server.url, "ada");
  const files = new StoredFiles();
  if (chunks > 0) await files.upload(client, "file", chunks);
  return { workspace, server, client, files };
}

test.for(acceptanceDialects("sqlite"))(
  "%s: a node that is added takes its share of new chunks; rebalance moves old ones to it",
  async (dialect) => {
    const { workspace, server, client, files } = await workspaceWith(dialect, {}, 100);
    await server.end("SIGTERM");
    useNodes(workspace, ["node1", "node2", "node3"]);
    const grown = await workspace.start();
    const again = new Client(grown.url, client.token);
    const perNode = async () =>
      Promise.all(["node1", "node2", "node3"].map(async (node) => (await blobsOn(workspace.folder, node)).length));
    expect((await perNode())[2]).toBe(0);
    await files.upload(again, "new", 100);
    const share = (await perNode())[2] as number;
    expect(share).toBeGreaterThan(12);
    expect(share).toBeLessThan(60);

    const { code, stdout, stderr } = await workspace.admin(["rebalance"]).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/The nodes are balanced: \d+ chunks, .* MiB, moved\./);
    const balanced = await perNode();
    expect(balanced.reduce((sum, number) => sum + number)).toBe(200);
    for (const number of balanced) expect(Math.abs(number - 200 / 3)).toBeLessThan(5);
    expect((await workspace.admin(["rebalance"]).ended).stdout).toBe("The nodes are balanced: nothing to move.\n");
    await files.checkAll(again);
  },
);

test.for(acceptanceDialects("mysql"))(
  "%s: scrub finds a flipped bit, and a running server restores the copy",
  async (dialect) => {
    const { workspace, client, files } = await workspaceWith(dialect, { REPLICAS: "2", SCRUB_PERIOD: "off" }, 100);
    const { folder } = workspace;
    const [id = ""] = await blobsOn(folder, "node1");
    const blob = await open(blobFile(folder, "node1", id), "r+");
    const { buffer } = await blob.read(Buffer.alloc(1), 0, 1, 1234);
    await blob.write(Buffer.from([(buffer[0] as number) ^ 1]), 0, 1, 1234);
    await blob.close();
    const { code, stdout, stderr } = await workspace.admin(["scrub", "node1"]).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("node1: 100 chunks, 6.25 MiB, 1 bad.");
    const good = await readFile(blobFile(folder, "node2", id));
    await expect
      .poll(async () => (await readFile(blobFile(folder, "node1", id)).catch(() => null))?.equals(good), HEALED)
      .toBe(true);
    const all = await workspace.admin(["scrub"]).ended;
    expect(all.code).toBe(0);
    for (const node of ["node1", "node2"]) expect(all.stdout).toContain(`${node}: 100 chunks, 6.25 MiB, 0 bad.`);
    await files.checkAll(client);
  },
);

test.for(acceptanceDialects("sqlite"))(
  "%s: replace: an empty disk becomes the node, and gets everything that was on the dead one",
  async (dialect) => {
    const settings = { REPLICAS: "2", SCRUB_PERIOD: "off", REPAIR_RATE: "1GiB" };
    const { workspace, client, files } = await workspaceWith(dialect, settings, 50);
    const { folder } = workspace;
    const refused = await workspace.admin(["replace", "node2"]).ended;
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("nothing to replace") });
    await rename(join(folder, "node2"), join(folder, "dead"));
    await mkdir(join(folder, "node2"));
    const { code, stdout, stderr } = await workspace.admin(["replace", "node2"]).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("node2 is the empty disk now. Running servers restore 50 chunks on it");
    const ids = await blobsOn(folder, "node1");
    await expect.poll(() => blobsOn(folder, "node2"), HEALED).toEqual(ids);
    await files.checkAll(client);
  },
);

test.for(acceptanceDialects("mysql"))("%s: promote, demote, disable, users and quota", async (dialect) => {
  const { workspace, server, client } = await workspaceWith(dialect, { DEFAULT_QUOTA: "10GiB" }, 2);
  const nodes = () => client.send("{ storageNodes { name } }");
  expect((await nodes()).errors?.[0]?.extensions.code).toBe("FORBIDDEN");
  const promoted = await workspace.admin(["promote", "ADA"]).ended;
  expect(promoted).toEqual({ code: 0, stdout: "ada is an administrator.\n", stderr: "" });
  expect((await nodes()).errors).toBeUndefined();
  for (const act of ["demote", "disable"]) {
    const refused = await workspace.admin([act, "ada@example.org"]).ended;
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("the last administrator") });
  }
  const bob = await Client.register(server.url, "bob");
  await workspace.admin(["promote", "bob"]).ended;
  expect((await workspace.admin(["demote", "ada@example.org"]).ended).stdout).toBe("ada is no administrator.\n");
  expect((await nodes()).errors?.[0]?.extensions.code).toBe("FORBIDDEN");
  expect((await workspace.admin(["disable", "ada"]).ended).stdout).toContain("ada is disabled");
  expect((await client.data("{ me { id } }")).me).toBeNull();
  const listed = (await workspace.admin(["users"]).ended).stdout.split("\n");
  expect(listed).toEqual(["ada  ada@example.org  128 KiB  disabled", "bob  bob@example.org  0 B  administrator", ""]);
  expect((await workspace.admin(["users", "BOB@"]).ended).stdout).toMatch(/^bob [^\n]*\n$/);
  await workspace.admin(["disable", "ada", "--undo"]).ended;
  expect((await client.data("{ me { username } }")).me).toEqual({ username: "ada" });
  expect((await bob.data("{ users { totalCount } }")).users.totalCount).toBe(2);
  expect(await workspace.admin(["promote", "eve"]).ended).toEqual({
    code: 2,
    stdout: "",
    stderr: "There is no user eve. There are: ada, bob\n",
  });

  const shown = async (...args: string[]) => (await workspace.admin(["quota", "ada", ...args]).ended).stdout;
  expect(await shown()).toBe("ada: 10 GiB quota (the default), 128 KiB used, 0 B reserved\n");
  expect(await shown("500MiB")).toBe("ada: 500 MiB quota, 128 KiB used, 0 B reserved\n");
  const { me } = await client.data("{ me { storage { quotaBytes } } }");
  expect(me.storage.quotaBytes).toBe(500 * 1024 ** 2);
  expect(await shown("none")).toContain("no quota, ");
  expect(await shown("default")).toContain("10 GiB quota (the default)");
  expect((await workspace.admin(["quota", "ada", "lots"]).ended).code).toBe(2);
});

test.for(acceptanceDialects("sqlite"))("%s: status as a table and as JSON", async (dialect) => {
  const { workspace } = await workspaceWith(dialect, { REPLICAS: "2" }, 8);
  const { folder } = workspace;
  await rename(join(folder, "node2"), join(folder, "unmounted"));
  const table = await workspace.admin(["status"]).ended;
  expect(table).toMatchObject({ code: 0, stderr: "" });
  expect(table.stdout).toMatch(/^NODE +KIND +STATE +DRAINING +CHUNKS +USED +FREE +ERROR\n/);
  expect(table.stdout).toMatch(/node1 +LOCAL +UP +no +8 +512 KiB +[\d.]+ \w+\n/);
  expect(table.stdout).toMatch(
    /node2 +LOCAL +DOWN +no +8 +512 KiB +\? +.*Is its disk mounted\? .* stowage-admin replace node2\n/,
  );
  expect(table.stdout).toContain("Copies    2 of each chunk; 0 chunks with fewer");
  expect(table.stdout).toMatch(/Repairs +\d+ chunks? waiting/);

  useNodes(workspace, ["node1", "node3"]);
  const { code, stdout } = await workspace.admin(["status", "--json"]).ended;
  expect(code).toBe(0);
  const status = JSON.parse(stdout);
  expect(status.nodes.map(({ name, state, chunks }: Record<string, unknown>) => [name, state, chunks])).toEqual([
    ["node1", "UP", 8],
    ["node3", "UP", 0],
    ["node2", "GONE", 8],
  ]);
  expect(status).toMatchObject({ replicas: 2, underReplicated: 8, repairs: { waiting: expect.any(Number) } });
});

test("sweep removes orphans, and most of a node only with --force", async () => {
  const { workspace } = await workspaceWith("sqlite", {}, 1);
  const orphan = blobFile(workspace.folder, "node1", uuidv7({ msecs: Date.now() - 2 * DAY_MS }));
  await mkdir(dirname(orphan), { recursive: true });
  await writeFile(orphan, "orphan");
  const old = new Date(Date.now() - 2 * DAY_MS);
  await utimes(orphan, old, old);
  const refused = await workspace.admin(["sweep", "node1"]).ended;
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("sweep node1 --force");
  const { code, stdout } = await workspace.admin(["sweep", "node1", "--force"]).ended;
  expect(code).toBe(0);
  expect(stdout).toContain("1 orphan removed");
  await expect(readFile(orphan)).rejects.toThrow("ENOENT");
});

test("what is asked for wrongly is told in a line, with exit code 2, and nothing is made", async () => {
  const workspace = await Workspace.create("sqlite");
  const nowhere = await workspace.admin(["status"]).ended;
  expect(nowhere.code).toBe(2);
  expect(nowhere.stderr).toContain(`There is no database at ${join(workspace.folder, "metadata.sqlite")}`);
  await expect(readFile(join(workspace.folder, "metadata.sqlite"))).rejects.toThrow("ENOENT");
  for (const [args, message] of [
    [[], "Say what to do"],
    [["explode"], "Unknown"],
    [["drain"], "Something is missing: it is 'stowage-admin drain <node>'"],
    [["quota", "--", "-x"], "There is no database at"],
    [["status", "--yaml"], "There is no option --yaml"],
  ] as const) {
    const { code, stderr } = await workspace.admin(args).ended;
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  }
  const settings = await workspace.admin(["status"], { REPLICAS: "7" }).ended;
  expect(settings).toMatchObject({ code: 2, stderr: expect.stringContaining("REPLICAS=7 can't be used") });
  const help = await workspace.admin(["--help"]).ended;
  expect(help.code).toBe(0);
  for (const word of ["status", "drain <node>", "quota <user> [bytes]", "130 Ctrl-C"]) {
    expect(help.stdout).toContain(word);
  }
});
