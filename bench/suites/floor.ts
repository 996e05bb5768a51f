import { join } from "node:path";
import { compare, printRows, type Row } from "../compare.ts";
import { startFloor } from "../servers/peers.ts";
import { startAll } from "../servers/server.ts";
import { startStowage } from "../servers/stowage.ts";

const CHUNKS = 96;
const SMALL = ["--max-semi-space-size=2"];

/** Where the floor is: Node's own HTTP server doing less and less, beside Stowage's raw route. */
export async function floorSuite(folder: string, rounds: number): Promise<Row[]> {
  const servers = await startAll([
    () => startFloor(join(folder, "drop"), "drop", SMALL),
    () => startFloor(join(folder, "hash"), "hash", SMALL),
    () => startFloor(join(folder, "write"), "write", SMALL),
    () => startFloor(join(folder, "write-plain"), "write"),
    () => startStowage(join(folder, "raw"), { name: "Stowage, raw route", route: "raw" }),
  ]);
  try {
    console.log("\n## What Node can do at most, PUT of 8 MiB, 4 at once\n");
    const load = (server: (typeof servers)[number]) => async () => ({
      connections: (await server.uploads?.(4, CHUNKS)) ?? [],
    });
    const contestants = servers.map((server) => ({ name: server.name, server, load: load(server) }));
    const rows = await compare("floor", contestants, rounds);
    printRows(rows);
    return rows;
  } finally {
    for (const server of servers) await server.stop();
  }
}
