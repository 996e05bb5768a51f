// npm run bench [-- SUITE…] [-- --rounds N]: measures Stowage beside its peers, prints tables, writes bench/results.json.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { cephSuite } from "./suites/ceph.ts";
import { clientSuite } from "./suites/client.ts";
import { diskSuite } from "./suites/disk.ts";
import { downloadSuite } from "./suites/download.ts";
import { floorSuite } from "./suites/floor.ts";
import { memorySuite } from "./suites/memory.ts";
import { metadataSuite } from "./suites/metadata.ts";
import { multipartSuite } from "./suites/multipart.ts";
import { replicasSuite } from "./suites/replicas.ts";
import { uploadSuite } from "./suites/upload.ts";
import { workersSuite } from "./suites/workers.ts";

const suites: Record<string, (folder: string, rounds: number) => Promise<object[]>> = {
  upload: uploadSuite,
  client: clientSuite,
  disk: diskSuite,
  floor: floorSuite,
  download: downloadSuite,
  workers: workersSuite,
  replicas: replicasSuite,
  ceph: cephSuite,
  metadata: metadataSuite,
  multipart: multipartSuite,
  memory: memorySuite,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "5" } },
});
const chosen = positionals.length > 0 ? positionals : Object.keys(suites);
const folder = await mkdtemp(join(tmpdir(), "stowage-bench-"));
const rows: object[] = [];
try {
  for (const name of chosen) {
    const suite = suites[name];
    if (suite === undefined) throw new Error(`There is no suite ${name}, but ${Object.keys(suites).join(", ")}.`);
    rows.push(...(await suite(join(folder, name), Number(values.rounds))));
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
await writeFile("bench/results.json", `${JSON.stringify({ at: new Date(), machine, rows }, null, 2)}\n`);
