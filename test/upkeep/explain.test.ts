import { v7 as uuidv7 } from "uuid";
import { expect, test } from "vitest";
import { makeBlob } from "../storage/blobs.ts";
import { noSignal, Scene } from "./scene.ts";

const CHUNKS = 20_000;
const PER_STATEMENT = 2_000;

/** As many rows as to make it worth while to go by an index; there are no blobs to them. */
async function fill(scene: Scene): Promise<void> {
  const [upload] = await scene.database.read((em) => em.execute<{ id: string }[]>("select id from files"));
  const now = new Date();
  for (let start = 0; start < CHUNKS; start += PER_STATEMENT) {
    const ids = Array.from({ length: PER_STATEMENT }, () => uuidv7({ msecs: Date.now() - 60_000 }));
    const insert = (
      em: { execute: (sql: string, values: unknown[]) => Promise<unknown> },
      what: string,
      one: string,
      rows: unknown[][],
    ) => em.execute(`insert into ${what} values ${rows.map(() => one).join(", ")}`, rows.flat());
    await scene.database.transaction(async (em) => {
      const nothing = Buffer.alloc(32);
      await insert(
        em,
        "chunks (id, size, sha256, block_checksums, created_at)",
        "(?, ?, ?, ?, ?)",
        ids.map((id) => [id, 1, nothing, nothing, now]),
      );
      await insert(
        em,
        "chunk_replicas",
        "(?, ?)",
        ids.flatMap((id) => [
          [id, "node1"],
          [id, "node2"],
        ]),
      );
      await insert(
        em,
        "file_chunks",
        "(?, ?, ?)",
        ids.map((id, i) => [upload?.id, 1e9 + start + i, id]),
      );
      const later = new Date(Date.now() + 3600_000);
      await insert(
        em,
        "repairs",
        "(?, ?, ?, ?, ?)",
        ids.map((id) => [id, "MISSING", 1, later, now]),
      );
    });
  }
  await scene.database.read((em) => em.execute("analyze table chunks, chunk_replicas, file_chunks, files, repairs"));
}

test("on MySQL every statement of the upkeep goes by an index", async () => {
  const statements = new Map<string, readonly unknown[]>();
  let recording = false;
  const onStatement = (statement: string, values: readonly unknown[]) => {
    if (recording) statements.set(statement, values);
  };
  const scene = await Scene.open("mysql", { nodes: 3, onStatement, scrubPeriodMs: 1_000_000 });
  await fill(scene);
  const { upkeep, queue } = scene.start();
  const lost = await scene.chunk(["node1", "node2"]);
  await scene.local("node1").lose(lost);
  const surplus = await scene.chunk(["node1", "node2", "node3"]);
  const unused = await scene.chunk(["node3"]);
  await scene.database.transaction((em) =>
    em.execute("delete from file_chunks where chunk_id = ?", [unused.id], "run"),
  );
  for (let i = 0; i < 5; i++) await scene.put("node3", makeBlob(10));

  recording = true;
  queue.report(lost.id, "MISSING");
  await queue.flush();
  await queue.add([[surplus.id, "STRAY"]]);
  const [{ id: unrestorable = "" } = {}] = await scene.database.read((em) =>
    em.execute<{ id: string }[]>("select id from chunks where size = 1 order by id limit 1"),
  );
  await scene.database.transaction((em) =>
    em.execute("update repairs set next_attempt_at = created_at where chunk_id = ?", [unrestorable], "run"),
  );
  await upkeep.repairer.run(noSignal);
  await scene.expectOn(lost, ["node1", "node2"]);
  await upkeep.scrubber.run(noSignal);
  await upkeep.sweeper.sweepNode("node3", { force: true });
  await upkeep.sweeper.run(noSignal, 1_000, 0);
  expect(await scene.rows(unused.id)).toEqual([]);
  for (const work of [upkeep.scrubber.scrubNode.bind(upkeep.scrubber), upkeep.drainer.drainNode.bind(upkeep.drainer)]) {
    const stop = new AbortController();
    const onProgress = () => stop.abort();
    await work("node1", { onProgress, signal: stop.signal }).catch((error) => expect(error.name).toBe("AbortError"));
  }
  await upkeep.rebalancer.rebalance({ maxBytes: 0 });
  await upkeep.status();
  recording = false;

  const explained = [...statements].filter(([statement]) => /^\s*(select|update|delete)/i.test(statement));
  expect(explained.length).toBeGreaterThan(30);
  for (const [statement, values] of explained) {
    type Step = { type: string; table: string; key: string | null };
    const steps = await scene.database.read((em) => em.execute<Step[]>(`explain ${statement}`, [...values]));
    for (const { type, table, key } of steps) {
      // There is a row for each node or work in these.
      if (table === null || table === "scrubs" || table === "leases") continue;
      // What `status` counts, it counts whole.
      if (/^select count\(\*\)[^?]*from `repairs`/.test(statement)) continue;
      // A step's rows, once they are found.
      if (table.startsWith("<derived")) continue;
      expect({ key, byIndex: type !== "ALL" }, statement).toMatchObject({ key: expect.any(String), byIndex: true });
    }
  }
});
