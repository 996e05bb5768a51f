import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generate } from "./load/generate.ts";
import type { Load, LoadResult } from "./load/generator.ts";
import { cpuSeconds, median, peakRssMiB, resetPeakRss } from "./measure.ts";
import type { Server } from "./servers/server.ts";

export interface Row {
  suite: string;
  name: string;
  /** Medians of the rounds. */
  mibPerSecond: number;
  cpuSecondsPerGiB: number;
  peakRssMiB: number;
  /** Part of one core that the load generator took: near 1, it was the limit. */
  loadGeneratorCores: number;
  rounds: number;
}

/** Something measured beside others: a server under one load, or with one client. */
export type Contestant = { name: string; server: Server } & (
  | { load(): Promise<Omit<Load, "port">> }
  | { run(): Promise<LoadResult> }
);

interface Round extends LoadResult {
  serverCpuSeconds: number;
  peakRss: number;
}

const WARMED_BYTES = 1024 * 2 ** 20;
const WARMING = Buffer.alloc(8 * 2 ** 20, 1);

/**
 * Fills memory by a file and gives it back. A virtual machine's host takes free pages away, and whoever first touches
 * them again waits for it: left alone, that would be counted for whichever server comes after a pause.
 */
async function warmMemory(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "stowage-warm-"));
  const file = await open(join(folder, "pages"), "w");
  for (let written = 0; written < WARMED_BYTES; written += WARMING.length) await file.write(WARMING);
  await file.close();
  await rm(folder, { recursive: true });
}

async function measure(contestant: Contestant): Promise<Round> {
  const { server } = contestant;
  const job = "load" in contestant ? { port: server.port, ...(await contestant.load()) } : undefined;
  await warmMemory();
  resetPeakRss(server.pid);
  const before = cpuSeconds(server.pid);
  const result = "run" in contestant ? await contestant.run() : await generate(job as Load);
  const round = { ...result, serverCpuSeconds: cpuSeconds(server.pid) - before, peakRss: peakRssMiB(server.pid) };
  await server.clean?.();
  return round;
}

/** Takes the contestants by turns, so that a noisy moment meets them all. The first turn only warms up. */
export async function compare(suite: string, contestants: Contestant[], rounds: number): Promise<Row[]> {
  const taken = contestants.map(() => [] as Round[]);
  for (let round = 0; round <= rounds; round++) {
    for (const [index, contestant] of contestants.entries()) {
      const result = await measure(contestant);
      if (round > 0) taken[index]?.push(result);
    }
  }
  return contestants.map(({ name }, index) => {
    const results = taken[index] as Round[];
    const of = (value: (round: Round) => number) => median(results.map(value));
    return {
      suite,
      name,
      mibPerSecond: of(({ bytes, seconds }) => bytes / 2 ** 20 / seconds),
      cpuSecondsPerGiB: of(({ bytes, serverCpuSeconds }) => serverCpuSeconds / (bytes / 2 ** 30)),
      peakRssMiB: of(({ peakRss }) => peakRss),
      loadGeneratorCores: of(({ cpuSeconds: cpu, seconds }) => cpu / seconds),
      rounds,
    };
  });
}

export function printRows(rows: readonly Row[]): void {
  const cells = rows.map((row) => [
    row.name,
    row.mibPerSecond.toFixed(0),
    row.cpuSecondsPerGiB.toFixed(2),
    row.peakRssMiB.toFixed(0),
    row.loadGeneratorCores.toFixed(2),
  ]);
  printTable(["", "MiB/s", "CPU s/GiB", "peak RSS MiB", "load generator, cores"], cells);
}

/** As Markdown, so that it can be pasted into docs/performance.md. */
export function printTable(head: readonly string[], cells: readonly (readonly string[])[]): void {
  const line = (values: readonly string[]) => `| ${values.join(" | ")} |`;
  console.log(
    [line(head), line(head.map((_, index) => (index === 0 ? "---" : "---:"))), ...cells.map(line)].join("\n"),
  );
}
