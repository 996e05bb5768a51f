import { readdirSync, readFileSync, writeFileSync } from "node:fs";

const TICKS_PER_SECOND = 100;

function stat(pid: number): string[] {
  // The second field, the program's name, is in parentheses and may hold spaces.
  return readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
}

/** The process and all that descend from it. */
export function family(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      parents.set(Number(name), Number(stat(Number(name))[1]));
    } catch {
      // It ended meanwhile.
    }
  }
  const members = [root];
  for (const member of members) for (const [pid, parent] of parents) if (parent === member) members.push(pid);
  return members;
}

/** CPU time that a family of processes has used so far, in user and system mode. */
export function cpuSeconds(root: number): number {
  let ticks = 0;
  for (const pid of family(root)) {
    const fields = stat(pid);
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / TICKS_PER_SECOND;
}

/** Starts the measurement of `peakRssMiB` anew. */
export function resetPeakRss(root: number): void {
  for (const pid of family(root)) writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** The sum of the processes' peaks. */
export function peakRssMiB(root: number): number {
  const peaks = family(root).map((pid) => {
    const kib = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return Number(kib ?? 0) / 1024;
  });
  return peaks.reduce((sum, peak) => sum + peak, 0);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
