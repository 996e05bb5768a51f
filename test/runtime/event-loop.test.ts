import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { databaseOptions } from "../../mikro-orm.config.ts";
import { Database } from "../../src/database/database.ts";
import { breathe } from "../../src/runtime/event-loop.ts";

/** How often the event loop turns while the work is done. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const count = () => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  await work();
  isOver = true;
  return turns;
}

function spin(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

test("work that settles at once leaves others their turn", async () => {
  const work = async () => {
    for (let step = 0; step < 10; step++) {
      await breathe();
      spin(1);
    }
  };
  expect(await turnsDuring(() => Promise.all(Array.from({ length: 20 }, work)))).toBeGreaterThan(5);
});

test("hundreds of reads of the embedded database leave others their turn", async () => {
  const folder = await mkdtemp(join(tmpdir(), "stowage-loop-"));
  const database = await Database.open(databaseOptions(`sqlite:${join(folder, "metadata.sqlite")}`));
  onTestFinished(async () => {
    await database.close();
    await rm(folder, { recursive: true });
  });
  const read = () =>
    database.read(async (em) => {
      spin(1);
      return em.execute("select count(*) from files");
    });
  expect(await turnsDuring(() => Promise.all(Array.from({ length: 200 }, read)))).toBeGreaterThan(5);
});
