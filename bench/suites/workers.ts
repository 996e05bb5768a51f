import { join } from "node:path";
import { MySqlServer } from "../../test/support/mysql-server.ts";
import { compare, printRows, type Row } from "../compare.ts";
import { startAll } from "../servers/server.ts";
import { startStowage } from "../servers/stowage.ts";

const CHUNKS = 96;
const FILE = 256 * 2 ** 20;

/** One process beside two, on MySQL. */
export async function workersSuite(folder: string, rounds: number): Promise<Row[]> {
  const mysql = await MySqlServer.start();
  const servers = await startAll(
    ["1", "2"].map(
      (workers) => () =>
        startStowage(join(folder, workers), {
          name: `WORKERS=${workers}`,
          route: "raw",
          settings: { WORKERS: workers, DATABASE_URL: `${mysql.url}/workers_${workers}` },
        }),
    ),
  );
  try {
    console.log("\n## Workers, upload by the raw route, 8 at once\n");
    const uploads = await compare(
      "workers, upload",
      servers.map((server) => ({
        name: server.name,
        server,
        load: async () => ({ connections: (await server.uploads?.(8, CHUNKS)) ?? [] }),
      })),
      rounds,
    );
    printRows(uploads);
    console.log("\n## Workers, download, 8 at once\n");
    const heads = await Promise.all(servers.map(async (server) => (await server.fileOf?.(FILE))?.head ?? ""));
    const downloads = await compare(
      "workers, download",
      servers.map((server, index) => ({
        name: server.name,
        server,
        load: async () => ({
          connections: Array.from({ length: 8 }, () => [{ head: heads[index] ?? "", expect: [200] }]),
        }),
      })),
      rounds,
    );
    printRows(downloads);
    return [...uploads, ...downloads];
  } finally {
    for (const server of servers) await server.stop();
    await mysql.stop();
  }
}
