import { join } from "node:path";
import { compare, printRows, type Row } from "../compare.ts";
import type { Load, LoadRequest } from "../load/generator.ts";
import { nginxPath, startNginx, startReadStream, startTus } from "../servers/peers.ts";
import { type Server, startAll } from "../servers/server.ts";
import { startOtherStowage, startStowage } from "../servers/stowage.ts";

const MIB = 2 ** 20;
const FILE = 512 * MIB;
const RANGE = MIB;
const RANGES = 400;
const SLOW_CLIENTS = 64;
/** Bytes a second of each. */
const SLOW = MIB;
const SLOW_BYTES = 4 * MIB;

function whole(head: string): LoadRequest {
  return { head, expect: [200] };
}

function range(head: string, start: number, length: number): LoadRequest {
  return { head: `${head}Range: bytes=${start}-${start + length - 1}\r\n`, expect: [206] };
}

/** Whole files, ranges and slow clients: verified Stowage beside servers that verify nothing. */
export async function downloadSuite(folder: string, rounds: number): Promise<Row[]> {
  const servers = await startAll([
    () => startReadStream(join(folder, "read-stream")),
    () => startTus(join(folder, "tus")),
    () => startStowage(join(folder, "stowage"), { name: "Stowage, verified", route: "raw" }),
    ...startOtherStowage(join(folder, "other"), { name: "Stowage, verified", route: "raw" }),
    ...(nginxPath() === undefined
      ? []
      : [
          () => startNginx(join(folder, "nginx")),
          () => startNginx(join(folder, "nginx-sendfile"), { sendfile: true }),
        ]),
  ]);
  try {
    const heads = new Map<Server, string>();
    for (const server of servers) heads.set(server, (await server.fileOf?.(FILE))?.head ?? "");
    const each = (load: (head: string) => Omit<Load, "port">, except = "") =>
      servers
        .filter(({ name }) => name !== except)
        .map((server) => ({ name: server.name, server, load: async () => load(heads.get(server) ?? "") }));

    console.log("\n## Download, a file of 512 MiB, 4 at once\n");
    const wholeRows = await compare(
      "download",
      each((head) => ({ connections: Array.from({ length: 4 }, () => [whole(head)]) })),
      rounds,
    );
    printRows(wholeRows);

    console.log("\n## Download, ranges of 1 MiB at random, 4 at once\n");
    const starts = Array.from({ length: RANGES }, () => Math.floor(Math.random() * (FILE - RANGE)));
    const rangeRows = await compare(
      "download of ranges",
      // @tus/server serves no ranges.
      each(
        (head) => ({
          connections: [0, 1, 2, 3].map((hand) =>
            starts.filter((_, index) => index % 4 === hand).map((start) => range(head, start, RANGE)),
          ),
        }),
        "@tus/server",
      ),
      rounds,
    );
    printRows(rangeRows);

    console.log(`\n## Download, ${SLOW_CLIENTS} clients at 1 MiB/s each\n`);
    const slowRows = await compare(
      "download by slow clients",
      each(
        (head) => ({
          slowdown: SLOW,
          connections: Array.from({ length: SLOW_CLIENTS }, (_, index) => [range(head, index * RANGE, SLOW_BYTES)]),
        }),
        "@tus/server",
      ),
      Math.min(rounds, 3),
    );
    printRows(slowRows);

    const stowage = servers.find(({ name }) => name.startsWith("Stowage")) as Server;
    console.log("\n## Download at growing concurrency\n");
    const growing = [1, 4, 16, 64].map((connections) => ({
      name: `${stowage.name}, ${connections} at once`,
      server: stowage,
      load: async () => {
        const head = heads.get(stowage) ?? "";
        return {
          connections: Array.from({ length: connections }, (_, index) => [
            range(head, (index * RANGE) % FILE, Math.floor(FILE / connections / 2)),
          ]),
        };
      },
    }));
    const growingRows = await compare("download at growing concurrency", growing, Math.min(rounds, 3));
    printRows(growingRows);
    return [...wholeRows, ...rangeRows, ...slowRows, ...growingRows];
  } finally {
    for (const server of servers) await server.stop();
  }
}
