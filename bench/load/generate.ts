import { fork } from "node:child_process";
import { once } from "node:events";
import type { Load, LoadResult } from "./generator.ts";

/** Runs the load in a process of its own, so that it takes nothing of the measured server's process. */
export async function generate(load: Load): Promise<LoadResult> {
  const child = fork(new URL("./generator.ts", import.meta.url), { stdio: "inherit" });
  try {
    child.send(load);
    const [result] = (await once(child, "message")) as [LoadResult | { error: string }];
    if ("error" in result) throw new Error(result.error);
    return result;
  } finally {
    child.kill();
  }
}
