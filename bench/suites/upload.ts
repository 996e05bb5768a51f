import { join } from "node:path";
import { type Contestant, compare, printRows, type Row } from "../compare.ts";
import { nginxPath, startNginx, startStockUpload, startTus } from "../servers/peers.ts";
import { type Server, startAll } from "../servers/server.ts";
import { startOtherStowage, startStowage } from "../servers/stowage.ts";

const CHUNKS = 96;

function contestant(server: Server, connections: number, name = server.name): Contestant {
  return { name, server, load: async () => ({ connections: (await server.uploads?.(connections, CHUNKS)) ?? [] }) };
}

/** 8 MiB chunks: Stowage by all three routes beside its peers, with and without fsync, and at growing concurrency. */
export async function uploadSuite(folder: string, rounds: number): Promise<Row[]> {
  const settings = { DURABILITY: "fsync" };
  const servers = await startAll([
    () => startStockUpload(join(folder, "stock")),
    () => startTus(join(folder, "tus")),
    () => startStowage(join(folder, "graphql"), { name: "Stowage, GraphQL", route: "graphql" }),
    () => startStowage(join(folder, "raw"), { name: "Stowage, raw route", route: "raw" }),
    () => startStowage(join(folder, "stowage-tus"), { name: "Stowage, tus", route: "tus" }),
    ...startOtherStowage(join(folder, "other-graphql"), { name: "Stowage, GraphQL", route: "graphql" }),
    ...startOtherStowage(join(folder, "other-raw"), { name: "Stowage, raw route", route: "raw" }),
    ...startOtherStowage(join(folder, "other-tus"), { name: "Stowage, tus", route: "tus" }),
    () => startStowage(join(folder, "graphql-fsync"), { name: "Stowage, GraphQL, fsync", route: "graphql", settings }),
    () => startStowage(join(folder, "raw-fsync"), { name: "Stowage, raw route, fsync", route: "raw", settings }),
    ...(nginxPath() === undefined ? [] : [() => startNginx(join(folder, "nginx"))]),
  ]);
  try {
    console.log("\n## Upload, 8 MiB chunks, 4 at once\n");
    const rows = await compare(
      "upload",
      servers.map((server) => contestant(server, 4)),
      rounds,
    );
    printRows(rows);

    const [graphql, raw] = servers.filter(({ name }) => name.startsWith("Stowage")) as [Server, Server];
    const growing = [1, 4, 16, 64].flatMap((connections) =>
      [graphql, raw].map((server) => contestant(server, connections, `${server.name}, ${connections} at once`)),
    );
    console.log("\n## Upload at growing concurrency\n");
    const growingRows = await compare("upload at growing concurrency", growing, Math.min(rounds, 3));
    printRows(growingRows);
    return [...rows, ...growingRows];
  } finally {
    for (const server of servers) await server.stop();
  }
}
