import { execFileSync } from "node:child_process";
import { cpus } from "node:os";
import { join } from "node:path";
import { type Contestant, compare, printRows, type Row } from "../compare.ts";
import type { LoadRequest } from "../load/generator.ts";
import { type Ceph, startCeph } from "../servers/ceph.ts";
import { CHUNK, deal, type Server } from "../servers/server.ts";
import { startStowage } from "../servers/stowage.ts";

/** Few, as Ceph frees what was deleted only after half a minute. */
const CHUNKS = 32;
const AT_ONCE = 4;
const LAST_CORE = cpus().length - 1;

/** Stowage over Ceph beside plain PUT and GET to the same Ceph. */
export async function cephSuite(folder: string, rounds: number): Promise<Row[]> {
  const ceph = await startCeph();
  const settings = ceph.settings;
  const stowage = await startStowage(join(folder, "ceph"), { name: "Stowage over it", route: "raw", settings });
  try {
    const downloads = await downloadsOf(ceph, stowage);
    const uploads = uploadsTo(ceph, stowage);
    const rows = await compareBoth("all cores shared", uploads, downloads, rounds);
    if (LAST_CORE === 0) return rows;
    // Nearer to machines of their own, where Stowage takes nothing of what Ceph needs.
    keepOn("0", ceph.pids);
    keepOn(`1-${LAST_CORE}`, [stowage.pid, process.pid]);
    return [...rows, ...(await compareBoth("Ceph on a core of its own", uploads, downloads, rounds))];
  } finally {
    keepOn(`0-${LAST_CORE}`, [process.pid]);
    await stowage.stop();
    await ceph.stop();
  }
}

async function compareBoth(
  where: string,
  uploads: Contestant[],
  downloads: Contestant[],
  rounds: number,
): Promise<Row[]> {
  console.log(`\n## Ceph, upload of 8 MiB chunks, 4 at once, ${where}\n`);
  const uploaded = await compare(`ceph, upload, ${where}`, uploads, rounds);
  printRows(uploaded);
  console.log(`\n## Ceph, download of 8 MiB objects beside files of several chunks, 4 at once, ${where}\n`);
  const downloaded = await compare(`ceph, download, ${where}`, downloads, rounds);
  printRows(downloaded);
  return [...uploaded, ...downloaded];
}

function uploadsTo(ceph: Ceph, stowage: Server): Contestant[] {
  return [ceph.plain, stowage].map((server) => ({
    name: server.name,
    server,
    load: async () => ({ connections: (await server.uploads?.(AT_ONCE, CHUNKS)) ?? [] }),
  }));
}

async function downloadsOf(ceph: Ceph, stowage: Server): Promise<Contestant[]> {
  const objects = deal(await ceph.objects(CHUNKS), AT_ONCE);
  const file: LoadRequest = { head: "", ...(await stowage.fileOf?.((CHUNKS / AT_ONCE) * CHUNK)), expect: [200] };
  const files = Array.from({ length: AT_ONCE }, () => [file]);
  return [
    { name: ceph.plain.name, server: ceph.plain, load: async () => ({ connections: objects }) },
    { name: stowage.name, server: stowage, load: async () => ({ connections: files }) },
  ];
}

/** Keeps processes, and those that they start from now on, on some of the cores. */
function keepOn(cores: string, pids: readonly number[]): void {
  for (const pid of pids) execFileSync("taskset", ["--all-tasks", "--cpu-list", "--pid", cores, String(pid)]);
}
