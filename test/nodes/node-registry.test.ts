import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { databaseOptions } from "../../mikro-orm.config.ts";
import { Database } from "../../src/database/database.ts";
import { NodeRecord } from "../../src/nodes/node-record.ts";
import { NodeRegistry, replaceNode } from "../../src/nodes/node-registry.ts";
import { LocalNode } from "../../src/storage/local/local-node.ts";
import { NodeIdentityError } from "../../src/storage/node-identity.ts";
import { store, temporaryDirectory } from "../storage/blobs.ts";
import { dialects, newDatabaseUrl } from "../support/databases.ts";

describe.each(dialects)("the registry of nodes on %s", (dialect) => {
  async function setUp() {
    const folder = await temporaryDirectory();
    const url = newDatabaseUrl(dialect, folder);
    const openDatabase = async () => {
      const database = await Database.open(databaseOptions(url));
      onTestFinished(() => database.close());
      return database;
    };
    const database = await openDatabase();
    return {
      database,
      openDatabase,
      directory: join(folder, "node1"),
      /** As a process does at its start. */
      start: async (name = "node1", directory = join(folder, name)) => {
        const node = await LocalNode.open(name, directory);
        const registry = await NodeRegistry.open(database);
        return { node, registry, admit: () => registry.admit(node) };
      },
      record: (name = "node1") => database.read((em) => em.findOneOrFail(NodeRecord, { name })),
    };
  }

  async function addReplica(database: Database, node: string): Promise<void> {
    const id = randomUUID();
    await database.transaction(async (em) => {
      const values = [id, 1, Buffer.alloc(32), Buffer.alloc(4), new Date()];
      const insert = "insert into chunks (id, size, sha256, block_checksums, created_at) values (?, ?, ?, ?, ?)";
      await em.execute(insert, values);
      await em.execute("insert into chunk_replicas (chunk_id, node) values (?, ?)", [id, node]);
    });
  }

  test("a node used for the first time is claimed, and known again after a restart", async () => {
    const { start, record } = await setUp();
    const { node, admit } = await start();
    await admit();
    const identity = await node.identity();
    const { identity: id, claimedAt, draining } = await record();
    expect(identity).toMatchObject({ id, name: "node1" });
    expect([claimedAt instanceof Date, draining]).toEqual([true, false]);
    await node.probe();
    const again = await start();
    await again.admit();
    await again.node.probe();
    expect(await again.node.identity()).toEqual(identity);
  });

  test("an empty or missing folder where a node was is not the node, and stays as it is", async () => {
    const { start, directory } = await setUp();
    await (await start()).admit();
    await rename(directory, `${directory}.unmounted`);
    const { admit, node } = await start();
    await expect(admit()).rejects.toThrow("Is its disk mounted?");
    await mkdir(directory);
    await expect(admit()).rejects.toBeInstanceOf(NodeIdentityError);
    expect(await readdir(directory)).toEqual([]);
    await rm(directory, { recursive: true });
    await rename(`${directory}.unmounted`, directory);
    await admit();
    await node.probe();
  });

  test("a folder of another deployment is refused, and says what to do", async () => {
    const { directory, start } = await setUp();
    const other = await setUp();
    await (await other.start("node1", directory)).admit();
    const foreign = await (await other.start("node1", directory)).node.identity();
    const { admit, node } = await start();
    await expect(admit()).rejects.toThrow(`it belongs to another deployment, ${foreign?.deployment}`);
    await expect(admit()).rejects.toThrow("Configure another place in STORAGE_NODES");
    expect(await node.identity()).toEqual(foreign);
  });

  test("two nodes whose folders were swapped are both refused", async () => {
    const { directory, start } = await setUp();
    const two = `${directory}-two`;
    await (await start("node1", directory)).admit();
    await (await start("node2", two)).admit();
    await expect((await start("node1", two)).admit()).rejects.toThrow("first configured as node2");
    await expect((await start("node2", directory)).admit()).rejects.toThrow("first configured as node1");
  });

  test("a crash between any two steps of the first use is recovered from", async () => {
    const { database, start, record, directory } = await setUp();
    const first = await start();
    await first.admit();
    const { identity } = await record();
    const unconfirm = () =>
      database.transaction((em) => em.nativeUpdate(NodeRecord, { name: "node1" }, { claimedAt: null }));

    // The place was claimed, and the record not told of it.
    await unconfirm();
    await (await start()).admit();
    expect((await record()).claimedAt).toBeInstanceOf(Date);

    // The identity was recorded, and the place not claimed.
    await unconfirm();
    await rm(directory, { recursive: true });
    const { admit, node } = await start();
    await admit();
    expect(await node.identity()).toMatchObject({ id: identity });
    expect(await record()).toMatchObject({ identity, claimedAt: expect.any(Date) });
  });

  test("instances that start at once on fresh folders agree", async () => {
    const { openDatabase, directory, start, record } = await setUp();
    for (let round = 0; round < 5; round++) {
      const name = `fresh${round}`;
      const instances = await Promise.all(
        [0, 1, 2, 3].map(async (index) => {
          const node = await LocalNode.open(name, `${directory}-${name}`);
          const database = dialect === "mysql" ? await openDatabase() : undefined;
          const registry = database ? await NodeRegistry.open(database) : (await start(name)).registry;
          return { node, registry, index };
        }),
      );
      await Promise.all(instances.map(({ registry, node }) => registry.admit(node)));
      const { identity } = await record(name);
      for (const { node } of instances) {
        await node.probe();
        expect(await node.identity()).toMatchObject({ id: identity });
      }
    }
  });

  test("what another instance claimed is not claimed again in another place", async () => {
    const { database, start, directory } = await setUp();
    await replaceNode(database, "node1");
    // Its record is known here while nobody has claimed the place.
    const here = await start();
    const { registry } = here;
    const elsewhere = await start("node1", `${directory}-elsewhere`);
    await elsewhere.admit();
    await expect(registry.admit(here.node)).rejects.toThrow("Is its disk mounted?");
    await expect(readdir(directory)).rejects.toThrow("ENOENT");
  });

  test("a deployment from before nodes had identities is adopted", async () => {
    const { database, start, directory } = await setUp();
    const before = await LocalNode.open("node1", directory);
    await before.claim({ id: randomUUID(), deployment: randomUUID(), name: "node1" });
    await store(before, 1000);
    await rm(join(directory, "stowage-node.json"));
    await addReplica(database, "node1");
    const { admit, node } = await start();
    await admit();
    await node.probe();
  });

  test("of such a deployment an empty folder is not adopted where the database knows of blobs", async () => {
    const { database, start, directory } = await setUp();
    await addReplica(database, "node1");
    const { admit } = await start();
    await expect(admit()).rejects.toThrow("Is its disk mounted?");
    await expect(readdir(directory)).rejects.toThrow("ENOENT");
    // An operator who knows better.
    await replaceNode(database, "node1");
    await admit();
  });

  test("a node that an older backup of the database doesn't know keeps its identity", async () => {
    const { database, start, record } = await setUp();
    const { node, admit } = await start();
    await admit();
    const identity = await node.identity();
    await database.transaction((em) => em.nativeDelete(NodeRecord, {}));
    await (await start()).admit();
    expect(await record()).toMatchObject({ identity: identity?.id });
  });

  test("a replaced disk is claimed by running instances, and the old one is the node no more", async () => {
    const { database, start, directory } = await setUp();
    const running = await start();
    await running.admit();
    await addReplica(database, "node1");
    await rename(directory, `${directory}.dead`);
    await mkdir(directory);
    await expect(running.node.probe()).rejects.toThrow();

    await replaceNode(database, "node1");
    await running.registry.refresh();
    await running.admit();
    await running.node.probe();
    await store(running.node, 1000);
    const { admit } = await start("node1", `${directory}.dead`);
    await expect(admit()).rejects.toThrow("not ");
  });

  test("tells which nodes are draining", async () => {
    const { database, start } = await setUp();
    const { registry, admit } = await start();
    await admit();
    expect(registry.draining).toEqual([]);
    await database.transaction((em) => em.nativeUpdate(NodeRecord, { name: "node1" }, { draining: true }));
    await registry.refresh();
    expect(registry.draining).toEqual(["node1"]);
    expect((await start()).registry.draining).toEqual(["node1"]);
  });
});
