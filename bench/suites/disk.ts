import { execFile } from "node:child_process";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { printTable } from "../compare.ts";
import { median } from "../measure.ts";
import { CHUNK, deal } from "../servers/server.ts";

const run = promisify(execFile);
const FILES = 96;
const AT_ONCE = 4;

/** What the disk itself loses by syncing: dd with and without conv=fdatasync, as many files of a chunk's size at once. */
export async function diskSuite(folder: string, rounds: number): Promise<object[]> {
  await mkdir(folder, { recursive: true });
  const source = join(folder, "source");
  const file = await open(source, "w");
  await file.write(Buffer.alloc(CHUNK, "stowage "));
  await file.close();
  const rates: Record<string, number[]> = { dd: [], "dd conv=fdatasync": [] };
  for (let round = 0; round <= rounds; round++) {
    for (const [name, taken] of Object.entries(rates)) {
      const written = join(folder, "written");
      await mkdir(written);
      const flags = name === "dd" ? [] : ["conv=fdatasync"];
      const start = performance.now();
      const hands = deal(
        Array.from({ length: FILES }, (_, index) => join(written, String(index))),
        AT_ONCE,
      );
      await Promise.all(
        hands.map(async (paths) => {
          for (const path of paths) await run("dd", [`if=${source}`, `of=${path}`, "bs=1M", ...flags]);
        }),
      );
      const seconds = (performance.now() - start) / 1000;
      if (round > 0) taken.push((FILES * CHUNK) / 2 ** 20 / seconds);
      await rm(written, { recursive: true });
    }
  }
  console.log("\n## The disk itself, files of 8 MiB, 4 at once\n");
  const rows = Object.entries(rates).map(([name, taken]) => ({
    suite: "disk",
    name,
    mibPerSecond: median(taken),
    rounds,
  }));
  printTable(
    ["", "MiB/s"],
    rows.map(({ name, mibPerSecond }) => [name, mibPerSecond.toFixed(0)]),
  );
  return rows;
}
