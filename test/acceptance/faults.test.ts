import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "vitest";
import { dialects } from "../support/databases.ts";
import { FaultClient } from "../support/fault-client.ts";
import { KilledServer } from "../support/killed-server.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { Workspace } from "../support/workspace.ts";

/** What clients do and when the server is killed follow from it; how the two meet is up to the machine. */
const seed = Number(process.env["STOWAGE_TEST_SEED"] ?? randomInt(2 ** 31));
/** For each database. */
const KILLS = Number(process.env["STOWAGE_TEST_KILLS"] ?? 20);
const CLIENTS = 4;
/** A server lives for some answers, or for so long if it is slow, and a little more. */
const MOST_ANSWERS = 16;
const LONGEST_LIFE_MS = 1000;
const LITTLE_MORE_MS = 20;

test.concurrent.for(dialects)(
  `%s: nothing acknowledged is lost and nothing wrong is served, however often the server is killed (seed ${seed})`,
  { timeout: 60_000 + KILLS * 10_000 },
  async (dialect, { onTestFinished }) => {
    const server = await KilledServer.start(await Workspace.create(dialect, {}, onTestFinished));
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, (_, i) => FaultClient.register(server, seededRandom(seed + i), `client-${i}`)),
    );

    const answers = () => clients.reduce((total, client) => total + client.acknowledgements, 0);
    let over = false;
    const busy = clients.map(async (client) => {
      try {
        while (!over) await client.act();
      } finally {
        over = true;
      }
    });
    const killing = (async () => {
      const random = seededRandom(seed + CLIENTS);
      while (server.kills < KILLS && !over) {
        const until = answers() + random.integer(0, MOST_ANSWERS);
        const deadline = performance.now() + LONGEST_LIFE_MS;
        while (answers() < until && performance.now() < deadline) await sleep(1);
        await sleep(random.next() * LITTLE_MORE_MS);
        await server.restart();
      }
      over = true;
    })();
    await Promise.all([...busy, killing]);

    const counts = await Promise.all(clients.map((client) => client.checkAll()));
    const sum = (key: "complete" | "open" | "gone") => counts.reduce((total, count) => total + count[key], 0);
    console.log(
      `${dialect}: seed ${seed}, ${server.kills} kills, ${answers()} requests acknowledged; ` +
        `files: ${sum("complete")} complete, ${sum("open")} open, ${sum("gone")} deleted or aborted`,
    );
  },
);
