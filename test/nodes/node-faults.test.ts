import { execFileSync } from "node:child_process";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { temporaryDirectory } from "../storage/blobs.ts";
import { Client, dataOf, sha256 } from "../support/client.ts";
import { filesOnNodes } from "../support/node-folders.ts";
import { PatternedFile } from "../support/patterned-file.ts";
import { startService, type TestService } from "../support/service.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const CHUNK_SIZE = 256 * KIB;

/** Mounts until the test is finished. */
function mount(args: readonly string[], path: string): void {
  execFileSync("mount", [...args, path]);
  onTestFinished(() => {
    try {
      execFileSync("umount", ["--lazy", path], { stdio: "ignore" });
    } catch {
      // The test itself has unmounted it.
    }
  });
}

/** Where this user may not mount, node-set-faults.test.ts has the same with nodes that only pretend. */
function mayMount(): boolean {
  try {
    execFileSync("unshare", ["--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Three nodes, of which the first lies in `first`. */
async function start(first: string, settings: Record<string, string> = {}): Promise<TestService> {
  const others = await temporaryDirectory();
  const folders = [first, join(others, "node2"), join(others, "node3")];
  const service = await startService("sqlite", {
    STORAGE_NODES: folders.map((folder, index) => `node${index + 1}=file:${folder}`).join(","),
    REPLICAS: "2",
    NODE_TIMEOUT: "5s",
    ...settings,
  });
  onTestFinished(() => service.stop());
  return service;
}

async function uploadAndCompare(client: Client, name: string, chunks: number): Promise<string> {
  const file = new PatternedFile(chunks * CHUNK_SIZE, name);
  const upload = await client.begin({ filename: name, size: file.size, chunkSize: CHUNK_SIZE });
  const send = async (index: number) => dataOf(await client.sendChunk(upload.id, index, file.chunk(index, CHUNK_SIZE)));
  for (let index = 0; index < chunks; index += 4) {
    await Promise.all([0, 1, 2, 3].flatMap((more) => (index + more < chunks ? send(index + more) : [])));
  }
  dataOf(await client.complete(upload.id, file.digest(CHUNK_SIZE)));
  await compare(client, upload.id, file);
  return upload.id;
}

async function compare(client: Client, id: string, file: PatternedFile): Promise<void> {
  const response = await client.download(id);
  expect(response.status).toBe(200);
  expect(sha256(new Uint8Array(await response.arrayBuffer()))).toBe(file.sha256());
}

interface Ready {
  status: string;
  nodes: { state: string }[];
}

async function stateOf(service: TestService, name: string): Promise<string | undefined> {
  const ready = (await (await fetch(`${service.url}/health/ready`)).json()) as Ready;
  return ready.nodes[Number(name.replace("node", "")) - 1]?.state;
}

describe.runIf(mayMount())("on file systems of their own", () => {
  test("a disk that fills up in mid-upload costs no upload, and keeps nothing half-written", async () => {
    const disk = await temporaryDirectory();
    mount(["-t", "tmpfs", "-o", "size=4m", "tmpfs"], disk);
    const service = await start(join(disk, "node1"), { REPLICAS: "3" });
    const client = await Client.register(service.url);
    await uploadAndCompare(client, "fills", 40);
    type Row = { id: string; copies: number; first: number };
    const chunks = await service.database((em) =>
      em.execute<Row[]>(
        "select chunk_id as id, count(*) as copies, sum(node = 'node1') as first from chunk_replicas group by chunk_id",
      ),
    );
    expect(chunks).toHaveLength(40);
    expect(new Set(chunks.map(({ copies }) => copies))).toEqual(new Set([2, 3]));
    const onFirst = chunks.flatMap(({ id, first }) => (first === 1 ? `node1/${id}` : [])).sort();
    // A write that stalls on the full disk ends after its chunk is answered.
    await expect.poll(() => filesOnNodes(disk, ["node1"]), { timeout: 15_000 }).toEqual(onFirst);
    expect(await stateOf(service, "node1")).toBe("UP");
  });

  test("a quorum that only full disks could meet is INSUFFICIENT_STORAGE, and leaves nothing", async () => {
    const disk = await temporaryDirectory();
    mount(["-t", "tmpfs", "-o", "size=1m", "tmpfs"], disk);
    const other = await temporaryDirectory();
    const service = await start(join(disk, "node1"), {
      STORAGE_NODES: `node1=file:${join(disk, "node1")},node2=file:${join(other, "node2")}`,
      WRITE_QUORUM: "2",
    });
    const client = await Client.register(service.url);
    const upload = await client.begin({ filename: "big.bin", size: 4 * MIB, chunkSize: 4 * MIB });
    const answer = await client.sendChunk(upload.id, 0, Buffer.alloc(4 * MIB));
    expect(answer.errors?.[0]?.extensions.code).toBe("INSUFFICIENT_STORAGE");
    await expect.poll(() => filesOnNodes(disk, ["node1"]), { timeout: 15_000 }).toEqual([]);
    await expect.poll(() => filesOnNodes(other, ["node2"]), { timeout: 15_000 }).toEqual([]);
  });

  test("a disk that turns read-only takes no writes, still gives its bytes, and comes back", async () => {
    const disk = await temporaryDirectory();
    mount(["-t", "tmpfs", "-o", "size=64m", "tmpfs"], disk);
    const service = await start(join(disk, "node1"));
    const client = await Client.register(service.url);
    await uploadAndCompare(client, "before", 8);
    execFileSync("mount", ["-o", "remount,ro", disk]);
    const id = await uploadAndCompare(client, "read-only", 8);
    await expect.poll(() => stateOf(service, "node1"), { timeout: 15_000 }).toBe("DOWN");
    await compare(client, id, new PatternedFile(8 * CHUNK_SIZE, "read-only"));
    execFileSync("mount", ["-o", "remount,rw", disk]);
    await expect.poll(() => stateOf(service, "node1"), { timeout: 20_000 }).toBe("UP");
  });

  test("a disk unmounted under a running service is down, gets no write on its mount point, and comes back", async () => {
    const backing = await temporaryDirectory();
    const mountPoint = await temporaryDirectory();
    mount(["--bind", backing], mountPoint);
    const service = await start(mountPoint);
    const client = await Client.register(service.url);
    const before = await uploadAndCompare(client, "mounted", 8);
    execFileSync("umount", ["--lazy", mountPoint]);
    await uploadAndCompare(client, "unmounted", 16);
    await compare(client, before, new PatternedFile(8 * CHUNK_SIZE, "mounted"));
    await expect.poll(() => stateOf(service, "node1"), { timeout: 15_000 }).toBe("DOWN");
    expect(await filesOnNodes(join(mountPoint, ".."), [mountPoint.split("/").at(-1) ?? ""])).toEqual([]);
    execFileSync("mount", ["--bind", backing, mountPoint]);
    await expect.poll(() => stateOf(service, "node1"), { timeout: 20_000 }).toBe("UP");
  });
});

test("a folder that is gone under load and comes back costs no request", async () => {
  const first = join(await temporaryDirectory(), "node1");
  const service = await start(first);
  const client = await Client.register(service.url);
  let over = false;
  let uploads = 0;
  const load = Promise.all(
    [0, 1, 2].map(async (lane) => {
      while (!over) await uploadAndCompare(client, `lane ${lane}, ${uploads++}`, 6);
    }),
  );
  for (let time = 0; time < 2; time++) {
    const until = uploads + 4;
    await expect.poll(() => uploads, { timeout: 30_000 }).toBeGreaterThan(until);
    await rename(first, `${first}.gone`);
    if (time === 1) await mkdir(first);
    await expect.poll(() => uploads, { timeout: 30_000 }).toBeGreaterThan(until + 4);
    await expect.poll(() => stateOf(service, "node1"), { timeout: 15_000 }).toBe("DOWN");
    expect(await filesOnNodes(join(first, ".."), ["node1"]).catch(() => [])).toEqual([]);
    await rm(first, { recursive: true, force: true });
    await rename(`${first}.gone`, first);
    await expect.poll(() => stateOf(service, "node1"), { timeout: 20_000 }).toBe("UP");
  }
  over = true;
  await load;
  expect(service.log.filter(({ msg }) => msg === "Storage node is down")).toHaveLength(2);
  expect(service.log.filter(({ msg }) => msg === "Storage node is up again")).toHaveLength(2);
});
