import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { databaseOptions } from "../../mikro-orm.config.ts";
import { Database } from "../../src/database/database.ts";
import { type HeldLease, LeaseLostError, Leases } from "../../src/upkeep/leases.ts";
import { temporaryDirectory } from "../storage/blobs.ts";
import { dialects, newDatabaseUrl } from "../support/databases.ts";

const TTL_MS = 1000;

function deferred() {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

describe.each(dialects)("leases on %s", (dialect) => {
  async function twoHolders() {
    const url = newDatabaseUrl(dialect, await temporaryDirectory());
    const database = await Database.open(databaseOptions(url));
    // The embedded one has one connection: within a process, two would wait for each other with the process stopped.
    const other = dialect === "mysql" ? await Database.open(databaseOptions(url)) : database;
    onTestFinished(async () => void (await Promise.all([...new Set([database, other])].map((one) => one.close()))));
    return { a: new Leases(database, TTL_MS), b: new Leases(other, TTL_MS), database };
  }

  test("one holds it at a time, for as long as its work takes; then it is anybody's", async () => {
    const { a, b } = await twoHolders();
    const gate = deferred();
    let working: HeldLease | undefined;
    const holding = a.hold("work", async (lease) => {
      working = lease;
      await gate.promise;
    });
    await expect.poll(() => working).toBeDefined();
    const deadline = Date.now() + 3 * TTL_MS;
    while (Date.now() < deadline) {
      expect(await b.hold("work", async () => expect.unreachable())).toBe(false);
      expect(await a.hold("work", async () => expect.unreachable())).toBe(false);
      await sleep(TTL_MS / 10);
    }
    expect(await b.hold("other work", async () => {})).toBe(true);
    expect(working?.signal.aborted).toBe(false);
    gate.resolve();
    expect(await holding).toBe(true);
    expect(await b.hold("work", async () => {})).toBe(true);
  });

  test("of many who ask at once, one gets it", async () => {
    const { a, b } = await twoHolders();
    for (let round = 0; round < 5; round++) {
      let inside = 0;
      const work = async () => {
        inside++;
        await sleep(20);
      };
      const got = await Promise.all(Array.from({ length: 10 }, (_, i) => (i % 2 ? a : b).hold("work", work)));
      expect(inside).toBe(got.filter(Boolean).length);
      expect(inside).toBeGreaterThan(0);
    }
  });

  test("a dead holder's lease is taken over when its time is up, not before", async () => {
    const { a, database } = await twoHolders();
    const [row] = await database.read((em) =>
      em.execute<{ now: number | string }[]>(
        dialect === "mysql"
          ? "select timestampdiff(microsecond, '1970-01-01', utc_timestamp(3)) div 1000 as now"
          : "select cast(unixepoch('subsec') * 1000 as integer) as now",
      ),
    );
    const expiresAt = Number(row?.now) + TTL_MS;
    expect(Math.abs(expiresAt - TTL_MS - Date.now())).toBeLessThan(5_000);
    const dead = ["work", "dead", expiresAt];
    await database.transaction((em) => em.execute("insert into leases values (?, ?, ?)", dead, "run"));
    expect(await a.hold("work", async () => {})).toBe(false);
    await a.wait("work", async () => {});
    expect(await a.hold("work", async () => {})).toBe(true);
  });

  test("a holder that lost it is stopped, and can change nothing more under it", async () => {
    const { a, database } = await twoHolders();
    const steal = () =>
      database.transaction((em) => em.execute("update leases set holder = 'thief' where name = 'work'", [], "run"));
    const holding = a.hold("work", async ({ signal, check }) => {
      await database.transaction(check);
      await steal();
      await expect(database.transaction(check)).rejects.toBeInstanceOf(LeaseLostError);
      await sleep(10_000, undefined, { signal }).catch(() => {});
      signal.throwIfAborted();
    });
    await expect(holding).rejects.toBeInstanceOf(LeaseLostError);
    expect(await a.hold("work", async () => {})).toBe(false);
  });

  test("a holder that can't renew it in time is stopped", async () => {
    const { a, database } = await twoHolders();
    const transaction = database.transaction.bind(database);
    const holding = a.hold("work", async ({ signal }) => {
      database.transaction = () => new Promise<never>((_, reject) => setTimeout(reject, 10, new Error("away")));
      await sleep(10_000, undefined, { signal }).catch(() => {});
      database.transaction = transaction;
      signal.throwIfAborted();
    });
    await expect(holding).rejects.toBeInstanceOf(LeaseLostError);
  });

  test("work that fails lets go of it; work with a rest keeps it", async () => {
    const { a, b } = await twoHolders();
    const failing = a.hold("work", async () => {
      throw new Error("no");
    });
    await expect(failing).rejects.toThrow("no");
    expect(await b.hold("work", async () => {}, { restMs: 60_000 })).toBe(true);
    await sleep(2 * TTL_MS);
    expect(await a.hold("work", async () => {})).toBe(false);
    expect(await b.hold("work", async () => {})).toBe(false);
  });

  test("whoever asked for the work can end it", async () => {
    const { a } = await twoHolders();
    const stop = new AbortController();
    const reason = new Error("stop");
    const holding = a.hold(
      "work",
      async ({ signal }) => {
        stop.abort(reason);
        signal.throwIfAborted();
      },
      { signal: stop.signal },
    );
    await expect(holding).rejects.toBe(reason);
    expect(await a.hold("work", async () => {}, { signal: stop.signal })).toBe(false);
    expect(await a.hold("work", async () => {})).toBe(true);
  });
});
