import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { printTable } from "../compare.ts";
import { generate } from "../load/generate.ts";
import { peakRssMiB, resetPeakRss } from "../measure.ts";
import { startStowage } from "../servers/stowage.ts";

const GIB = 2 ** 30;
const CHUNKS_A_GIB = 128;
const CLIENTS = 16;
/** GiB that each client uploads, and that each downloads. */
const UPLOADED = Number(process.env["BENCH_MEMORY_GIB"] ?? 1);
const SAMPLE_MS = 1_000;

/** Peak memory of each second while clients upload and download at once: it must not grow with what went through. */
export async function memorySuite(folder: string): Promise<object[]> {
  const server = await startStowage(join(folder, "memory"), { name: "Stowage", route: "graphql" });
  try {
    const { head } = (await server.fileOf?.(UPLOADED * GIB)) ?? { head: "" };
    const uploads = (await server.uploads?.(CLIENTS, CLIENTS * UPLOADED * CHUNKS_A_GIB)) ?? [];
    const downloads = Array.from({ length: CLIENTS }, () => [{ head, expect: [200] }]);
    const peaks: number[] = [];
    let running = true;
    const sampling = (async () => {
      while (running) {
        resetPeakRss(server.pid);
        await sleep(SAMPLE_MS);
        peaks.push(peakRssMiB(server.pid));
      }
    })();
    const load = (connections: typeof uploads | typeof downloads) => generate({ port: server.port, connections });
    await Promise.all([load(uploads), load(downloads)]);
    running = false;
    await sampling;

    const quarter = Math.max(1, Math.floor(peaks.length / 4));
    const highest = (from: number, to?: number) => Math.max(...peaks.slice(from, to)).toFixed(0);
    console.log(
      `\n## Memory, ${CLIENTS} clients upload and ${CLIENTS} download ${UPLOADED} GiB each, peak RSS in MiB\n`,
    );
    printTable(
      ["first quarter", "second", "third", "last", "seconds"],
      [
        [
          highest(0, quarter),
          highest(quarter, 2 * quarter),
          highest(2 * quarter, 3 * quarter),
          highest(3 * quarter),
          String(peaks.length),
        ],
      ],
    );
    return [{ suite: "memory", peaks }];
  } finally {
    await server.clean?.();
    await server.stop();
  }
}
