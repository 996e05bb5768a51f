import { once } from "node:events";
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { get, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Client, dataOf, failureOf, sha256 } from "../support/client.ts";
import { acceptanceDialects } from "../support/databases.ts";
import { filesOnNodes } from "../support/node-folders.ts";
import { PatternedFile } from "../support/patterned-file.ts";
import { storageNodes, Workspace } from "../support/workspace.ts";

const MIB = 1024 * 1024;
const CHUNK_SIZE = MIB;
const CHUNKS = 48;
const AT_ONCE = 4;

const stderrOf = (output: string) => output.split("\n").filter((line) => line.startsWith("{"));

/** With these nodes in its own folder. */
async function workspaceOf(names: readonly string[], dialect: "sqlite" | "mysql", settings: Record<string, string>) {
  const workspace = await Workspace.create(dialect, settings);
  const all = { ...workspace.settings, STORAGE_NODES: storageNodes(workspace.folder, names), ...settings };
  Object.assign(workspace.settings, all);
  return workspace;
}

async function ready(url: string) {
  const response = await fetch(`${url}/health/ready`);
  type Body = { status: string; nodes: { name: string; state: string }[] };
  const { status, nodes } = (await response.json()) as Body;
  return { code: response.status, status, states: nodes.map(({ state }) => state) };
}

async function body(client: Client, id: string): Promise<string> {
  const response = await client.download(id);
  expect(response.status).toBe(200);
  return sha256(new Uint8Array(await response.arrayBuffer()));
}

test.each(acceptanceDialects("mysql"))(
  "%s: a node that vanishes in mid-upload and mid-download fails no request",
  async (dialect) => {
    const names = ["node1", "node2", "node3"];
    const workspace = await workspaceOf(names, dialect, { REPLICAS: "2", LOG_LEVEL: "error" });
    const server = await workspace.start();
    const client = await Client.register(server.url);
    const file = new PatternedFile(CHUNKS * CHUNK_SIZE, "vanishes");
    const upload = await client.begin({ filename: "vanishes.bin", size: file.size, chunkSize: CHUNK_SIZE });
    const node = join(workspace.folder, "node2");

    let next = 0;
    let stored = 0;
    const lanes = Array.from({ length: AT_ONCE }, async () => {
      while (next < CHUNKS) {
        const index = next++;
        // No retry: each request has to succeed.
        dataOf(await client.sendChunk(upload.id, index, file.chunk(index, CHUNK_SIZE)));
        stored++;
      }
    });
    await expect.poll(() => stored, { interval: 1 }).toBeGreaterThan(CHUNKS / 3);
    await rename(node, `${node}.gone`);
    const storedBefore = stored;
    await Promise.all(lanes);
    expect(storedBefore).toBeLessThan(CHUNKS - AT_ONCE);
    dataOf(await client.complete(upload.id, file.digest(CHUNK_SIZE)));
    expect(await body(client, upload.id)).toBe(file.sha256());
    await rename(`${node}.gone`, node);
    await expect.poll(async () => (await ready(server.url)).states, { timeout: 20_000 }).toEqual(["UP", "UP", "UP"]);

    // Two that have begun when the node vanishes, and go on slowly.
    const downloads = await Promise.all(
      [0, 1].map(async () => {
        const url = `${client.url}/files/download/${upload.id}`;
        const request = get(url, { agent: false, headers: client.authorization });
        const [response] = (await once(request, "response")) as [IncomingMessage];
        response.pause();
        return response;
      }),
    );
    await rename(node, `${node}.gone`);
    for (const response of downloads) {
      const pieces: Buffer[] = [];
      for await (const piece of response) pieces.push(piece);
      expect(sha256(Buffer.concat(pieces))).toBe(file.sha256());
    }
    for (let time = 0; time < 5; time++) expect(await body(client, upload.id)).toBe(file.sha256());
    const lines = stderrOf(server.output()).map((line) => JSON.parse(line));
    expect(lines.filter(({ msg }) => msg === "Storage node is down").length).toBeLessThanOrEqual(2);
    expect(lines.length).toBeLessThanOrEqual(10);
  },
);

describe("a node that isn't there at the start", () => {
  test("an empty folder where a disk should be mounted: it is down, said so, left empty, and comes back", async () => {
    const workspace = await workspaceOf(["node1", "node2"], "sqlite", { REPLICAS: "2" });
    const first = await workspace.start();
    const client = await Client.register(first.url);
    const bytes = new PatternedFile(3 * MIB, "before").bytes(0, 3 * MIB);
    const { id } = await client.upload("before.bin", bytes);
    await first.end("SIGTERM");
    const node = join(workspace.folder, "node2");
    await rename(node, `${node}.unmounted`);
    await mkdir(node);

    const server = await workspace.start();
    expect(server.output()).toContain("node2 is DOWN");
    expect(server.output()).toContain("Is its disk mounted?");
    expect(await ready(server.url)).toEqual({ code: 200, status: "ok", states: ["UP", "DOWN"] });
    const again = new Client(server.url, client.token);
    await again.upload("meanwhile.bin", bytes);
    expect(await body(again, id)).toBe(sha256(bytes));
    expect(await readdir(node)).toEqual([]);

    await rm(node, { recursive: true });
    await rename(`${node}.unmounted`, node);
    await expect.poll(async () => (await ready(server.url)).states, { timeout: 20_000 }).toEqual(["UP", "UP"]);
  });

  test("all of them: it starts, uploads are SERVICE_UNAVAILABLE, and it serves when they are back", async () => {
    const workspace = await Workspace.create("sqlite");
    const blocked = join(workspace.folder, "a-file");
    await writeFile(blocked, "");
    Object.assign(workspace.settings, { STORAGE_NODES: `node1=file:${blocked}` });
    const server = await workspace.start();
    expect(server.output()).toContain("node1 is DOWN");
    expect(await ready(server.url)).toEqual({ code: 503, status: "unavailable", states: ["DOWN"] });
    const client = await Client.register(server.url);
    const upload = await client.begin({ filename: "x", size: 10 });
    const answer = await client.sendChunk(upload.id, 0, Buffer.alloc(10));
    expect(failureOf(answer).code).toBe("SERVICE_UNAVAILABLE");
    await rm(blocked);
    await expect.poll(async () => (await ready(server.url)).code, { timeout: 20_000 }).toBe(200);
    dataOf(await client.sendChunk(upload.id, 0, Buffer.alloc(10)));
  });

  test("a folder of another deployment is left as it is, and the log says whose it is", async () => {
    const other = await Workspace.create("sqlite");
    const theirs = await other.start();
    await (await Client.register(theirs.url)).upload("theirs.bin", Buffer.alloc(1000));
    const { deployment } = JSON.parse(await readFile(join(other.folder, "node1", "stowage-node.json"), "utf8"));
    const before = await filesOnNodes(other.folder);

    const workspace = await Workspace.create("sqlite");
    const foreign = `node1=file:${join(other.folder, "node1")},node2=file:${join(workspace.folder, "node2")}`;
    Object.assign(workspace.settings, { STORAGE_NODES: foreign });
    const server = await workspace.start();
    expect(server.output()).toContain(`belongs to another deployment, ${deployment}`);
    expect((await ready(server.url)).states).toEqual(["DOWN", "UP"]);
    const client = await Client.register(server.url);
    for (let time = 0; time < 5; time++) await client.upload(`ours-${time}.bin`, Buffer.alloc(1000));
    expect(await filesOnNodes(other.folder)).toEqual(before);
  });

  test("a deployment from before nodes had identities goes on with all its files", async () => {
    const workspace = await Workspace.create("sqlite", { REPLICAS: "2" });
    const first = await workspace.start();
    const client = await Client.register(first.url);
    const bytes = Buffer.alloc(100_000, "old");
    const { id } = await client.upload("old.bin", bytes);
    await first.end("SIGTERM");
    // As such a deployment looks after the migration.
    for (const name of ["node1", "node2"]) {
      await rm(join(workspace.folder, name, "stowage-node.json"));
      await rm(join(workspace.folder, name, "aside"), { recursive: true });
    }
    const { DatabaseSync } = await import("node:sqlite");
    const database = new DatabaseSync(join(workspace.folder, "metadata.sqlite"));
    database.exec("delete from storage_nodes");
    database.close();
    const server = await workspace.start();
    expect((await ready(server.url)).states).toEqual(["UP", "UP"]);
    expect(await body(new Client(server.url, client.token), id)).toBe(sha256(bytes));
  });
});

test("instances, and workers, that start at once on fresh folders agree on who is who", async () => {
  for (let round = 0; round < 3; round++) {
    const workspace = await Workspace.create("mysql", { WORKERS: "2" });
    const servers = await Promise.all([workspace.start(), workspace.start(), workspace.start()]);
    for (const { url } of servers) expect((await ready(url)).states).toEqual(["UP", "UP"]);
    const client = await Client.register(servers[0].url);
    const bytes = Buffer.alloc(300_000, "agree");
    const { id } = await client.upload("agree.bin", bytes, { chunkSize: 65_536 });
    for (const { url } of servers) expect(await body(new Client(url, client.token), id)).toBe(sha256(bytes));
    await Promise.all(servers.map((server) => server.end("SIGTERM")));
  }
});

test("a copy of a node's folder under another name is not taken for a second node", async () => {
  const workspace = await Workspace.create("sqlite");
  const first = await workspace.start();
  await first.end("SIGTERM");
  await cp(join(workspace.folder, "node1"), join(workspace.folder, "node3"), { recursive: true });
  Object.assign(workspace.settings, { STORAGE_NODES: storageNodes(workspace.folder, ["node1", "node2", "node3"]) });
  const server = await workspace.start();
  expect((await ready(server.url)).states).toEqual(["UP", "UP", "DOWN"]);
  expect(server.output()).toContain("first configured as node1");
});
