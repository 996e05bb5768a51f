import { spawn } from "node:child_process";
import { once } from "node:events";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { StowageClient } from "../../src/client/node.ts";
import { type Contestant, compare, printRows, type Row } from "../compare.ts";
import type { LoadResult } from "../load/generator.ts";
import { startTus } from "../servers/peers.ts";
import { CHUNK, type Server, startAll } from "../servers/server.ts";
import { startStowage } from "../servers/stowage.ts";

const CHUNKS = Number(process.env["BENCH_CLIENT_MIB"] ?? 2048) / 8;
/** Tells the CPU time of a process, whatever it runs. */
const TELL_CPU = `--import=data:text/javascript,${encodeURIComponent(
  'process.on("exit", () => console.error("CPU " + JSON.stringify(process.cpuUsage())))',
)}`;

async function makeFile(path: string): Promise<void> {
  const file = await open(path, "w");
  for (let chunk = 0; chunk < CHUNKS; chunk++) await file.write(Buffer.alloc(CHUNK, `chunk ${chunk} `));
  await file.close();
}

interface Ran {
  seconds: number;
  cpuSeconds: number;
  stdout: string;
}

/** Runs a client to its end. */
async function run(args: string[], env: Record<string, string> = {}): Promise<Ran> {
  const start = performance.now();
  const child = spawn(process.execPath, [TELL_CPU, ...args], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [[code], stdout, stderr] = await Promise.all([once(child, "exit"), text(child.stdout), text(child.stderr)]);
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}`);
  const { user, system } = JSON.parse(/^CPU (.*)$/m.exec(stderr)?.[1] ?? "{}");
  return { seconds: (performance.now() - start) / 1000, cpuSeconds: (user + system) / 1e6, stdout };
}

/** One file by the library and by the command, beside the same chunks by the load generator, and tus's own client. */
export async function clientSuite(folder: string, rounds: number): Promise<Row[]> {
  const [stowage, tus] = (await startAll([
    () => startStowage(join(folder, "stowage"), { name: "Stowage", route: "raw" }),
    () => startTus(join(folder, "tus")),
  ])) as [Server, Server];
  const path = join(folder, "file");
  const url = `http://127.0.0.1:${stowage.port}`;
  const { token = "" } = stowage;
  const bytes = CHUNKS * CHUNK;
  const of = ({ seconds, cpuSeconds }: Omit<Ran, "stdout">): LoadResult => ({
    seconds,
    cpuSeconds,
    bytes,
    requests: CHUNKS,
  });
  /** The file goes at once, so that runs don't fill the disk. */
  const remove = (id: string) => new StowageClient({ url, token }).deleteFile(id);
  const raw = (connections: number, readAndHashed = false): Contestant => ({
    name: `Stowage, raw route by the load generator${readAndHashed ? " that reads and hashes" : ""}, ${connections} at once`,
    server: stowage,
    load: async () => ({
      connections: (await stowage.uploads?.(connections, CHUNKS)) ?? [],
      ...(readAndHashed && { path }),
    }),
  });
  try {
    await makeFile(path);
    const contestants: Contestant[] = [
      raw(4),
      raw(8),
      raw(4, true),
      {
        name: "Stowage, client library",
        server: stowage,
        async run() {
          const { cpuSeconds, stdout } = await run(["bench/load/library-process.ts", url, token, path]);
          const { id, seconds } = JSON.parse(stdout);
          await remove(id);
          return of({ seconds, cpuSeconds });
        },
      },
      {
        name: "`stowage upload`, from its start to its end",
        server: stowage,
        async run() {
          const env = { STOWAGE_URL: url, STOWAGE_TOKEN: token };
          const ran = await run(["dist/programs/command.js", "upload", path, "--json"], env);
          await remove(JSON.parse(ran.stdout).file.id);
          return of(ran);
        },
      },
      {
        name: "tus-js-client to @tus/server, unverified",
        server: tus,
        async run() {
          const endpoint = `http://127.0.0.1:${tus.port}/files`;
          const { cpuSeconds, stdout } = await run(["bench/load/tus-client-process.ts", endpoint, path]);
          return of({ seconds: JSON.parse(stdout).seconds, cpuSeconds });
        },
      },
    ];
    console.log(`\n## Clients, one file of ${bytes / 2 ** 20} MiB\n`);
    const rows = await compare("client", contestants, rounds);
    printRows(rows);
    return rows;
  } finally {
    for (const server of [stowage, tus]) await server.stop();
  }
}
