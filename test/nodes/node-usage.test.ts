import { join } from "node:path";
import { v7 } from "uuid";
import { describe, expect, onTestFinished, test } from "vitest";
import { databaseOptions } from "../../mikro-orm.config.ts";
import { Database } from "../../src/database/database.ts";
import { ChunkRecord } from "../../src/metadata/chunk-record.ts";
import { ReplicaRecord } from "../../src/metadata/replica-record.ts";
import { NodeUsageCounter } from "../../src/nodes/node-usage.ts";
import { temporaryDirectory } from "../storage/blobs.ts";
import { dialects, newDatabaseUrl } from "../support/databases.ts";

describe.each(dialects)("the usage of nodes on %s", (dialect) => {
  test("is counted exactly, also where it takes several steps", async () => {
    const database = await Database.open(databaseOptions(newDatabaseUrl(dialect, join(await temporaryDirectory()))));
    onTestFinished(() => database.close());
    const common = { sha256: Buffer.alloc(32), blockChecksums: Buffer.alloc(4), createdAt: new Date() };
    const chunks = Array.from({ length: 10_001 }, (_, index) => ({ id: v7(), size: 1 + index, ...common }));
    const replicas = chunks.flatMap(({ id }, index) => [
      { chunk: id, node: "node1" },
      ...(index < 5000 ? [{ chunk: id, node: "node2" }] : []),
    ]);
    await database.transaction(async (em) => {
      for (let from = 0; from < chunks.length; from += 1000) {
        await em.insertMany(ChunkRecord, chunks.slice(from, from + 1000));
      }
      for (let from = 0; from < replicas.length; from += 1000) {
        await em.insertMany(ReplicaRecord, replicas.slice(from, from + 1000));
      }
    });
    const counter = new NodeUsageCounter(database);
    const asked = await Promise.all([1, 2].map(() => counter.latest(["node1", "node2", "node3"])));
    expect(asked[0]).toBe(asked[1]);
    expect(Object.fromEntries(asked[0] ?? [])).toEqual({
      node1: { chunks: 10_001, bytes: (10_001 * 10_002) / 2 },
      node2: { chunks: 5000, bytes: (5000 * 5001) / 2 },
      node3: { chunks: 0, bytes: 0 },
    });
    await database.transaction((em) => em.nativeDelete(ReplicaRecord, { node: "node2" }));
    expect(await counter.latest(["node1", "node2", "node3"])).toBe(asked[0]);
  });
});
