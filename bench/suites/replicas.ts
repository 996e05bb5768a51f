import { join } from "node:path";
import { compare, printRows, type Row } from "../compare.ts";
import { startAll } from "../servers/server.ts";
import { startStowage } from "../servers/stowage.ts";

const CHUNKS = 96;
const FILE = 512 * 2 ** 20;
const AT_ONCE = 4;

/** One copy of each chunk beside two, on three nodes. */
export async function replicasSuite(folder: string, rounds: number): Promise<Row[]> {
  const servers = await startAll(
    ["1", "2"].map((replicas) => () => {
      const own = join(folder, replicas);
      const nodes = ["node1", "node2", "node3"].map((node) => `${node}=file:${join(own, node)}`).join(",");
      return startStowage(own, {
        name: `REPLICAS=${replicas}`,
        route: "raw",
        settings: { REPLICAS: replicas, STORAGE_NODES: nodes },
      });
    }),
  );
  try {
    console.log("\n## Replicas, upload by the raw route, 4 at once\n");
    const uploads = await compare(
      "replicas, upload",
      servers.map((server) => ({
        name: server.name,
        server,
        load: async () => ({ connections: (await server.uploads?.(AT_ONCE, CHUNKS)) ?? [] }),
      })),
      rounds,
    );
    printRows(uploads);
    console.log("\n## Replicas, download, 4 at once\n");
    const heads = await Promise.all(servers.map(async (server) => (await server.fileOf?.(FILE))?.head ?? ""));
    const downloads = await compare(
      "replicas, download",
      servers.map((server, index) => ({
        name: server.name,
        server,
        load: async () => ({
          connections: Array.from({ length: AT_ONCE }, () => [{ head: heads[index] ?? "", expect: [200] }]),
        }),
      })),
      rounds,
    );
    printRows(downloads);
    return [...uploads, ...downloads];
  } finally {
    for (const server of servers) await server.stop();
  }
}
