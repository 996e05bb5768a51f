import { setTimeout as sleep } from "node:timers/promises";
import { homeOf } from "../metadata/manifests.ts";
import { NODES_INTERVAL_MS } from "../setup/storage-setup.ts";
import { count } from "../terminal/format.ts";
import type { RestoreOutcome } from "../upkeep/chunk-restorer.ts";
import { AdminError } from "./admin-error.ts";
import { type CommandContext, waitPolitely } from "./command-context.ts";

/** Time after which every server knows of a mark. */
const ALL_KNOW_MS = NODES_INTERVAL_MS + 1_000;
const LOOK_MS = 1_000;
/** Looking counts rows: it may take a tenth of the time. */
const REST_FACTOR = 9;
const MOST_LISTED = 20;

export async function undrain({ nodes, terminal }: CommandContext, name: string): Promise<void> {
  await nodes.undrain(name);
  terminal.line(`${name} accepts new chunks again. What was moved off it stays where it is; see rebalance.`);
}

export async function drain(context: CommandContext, name: string): Promise<void> {
  const { nodes, storage, terminal, signal, upkeep } = context;
  // Before servers begin to move them.
  const total = await upkeep.drainer.left(name);
  await nodes.drain(name);
  const isConfigured = storage.nodes.has(name);
  if (isConfigured) {
    terminal.line(
      `${name} accepts no new chunks any more. Waiting until all servers know that, ${ALL_KNOW_MS / 1000} s…`,
    );
    await sleep(ALL_KNOW_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
  const failed = await emptyNode(context, name, total);
  if (failed.size > 0) throw new AdminError(await describeFailures(context, name, failed));
  terminal.line(`No chunk is left on ${name}.`);
  if (isConfigured) {
    terminal.line(
      `Take it out of STORAGE_NODES and restart the servers; when "status" doesn't list it after that, its disk may go.`,
    );
  }
}

/** @returns the chunks that could not be moved, and why */
async function emptyNode(
  context: CommandContext,
  name: string,
  total: number,
): Promise<ReadonlyMap<string, RestoreOutcome>> {
  const { upkeep, terminal } = context;
  const failed = new Map<string, RestoreOutcome>();
  const progress = terminal.progress(name, "chunks moved");
  const over = new AbortController();
  const tell = async () => {
    const left = await upkeep.drainer.left(name);
    progress.update(Math.max(total - left, 0), total, failed.size === 0 ? undefined : `${failed.size} can't be moved`);
    return left;
  };
  // Counted in the database, as servers move chunks as well.
  const telling = (async () => {
    while (!over.signal.aborted) {
      const startedAt = performance.now();
      await tell().catch(() => {});
      const restMs = Math.max(LOOK_MS, REST_FACTOR * (performance.now() - startedAt));
      await sleep(restMs, undefined, { signal: over.signal }).catch(() => {});
    }
  })();
  try {
    for (let left = Number.POSITIVE_INFINITY; left > failed.size; ) {
      failed.clear();
      const onFailed = (id: string, outcome: RestoreOutcome) => void failed.set(id, outcome);
      await upkeep.drainer.drainNode(name, { ...waitPolitely(context), onFailed });
      // More may have come: a write that was under way when the node was marked.
      left = await tell();
      if (!(await upkeep.drainer.isDraining(name))) {
        throw new AdminError(
          `${name} doesn't drain any more: somebody took it back meanwhile. ${count(left, "chunk")} left.`,
        );
      }
    }
    return failed;
  } finally {
    over.abort();
    await telling;
    progress.end();
  }
}

async function describeFailures(
  { database }: CommandContext,
  name: string,
  failed: ReadonlyMap<string, RestoreOutcome>,
): Promise<string> {
  const lines: string[] = [];
  for (const [chunk, outcome] of [...failed].slice(0, MOST_LISTED)) {
    const home = await database.read((em) => homeOf(em, chunk));
    const where = home && `of ${home.filename} (${home.id}, ${home.username}) at byte ${home.offset}`;
    const why = outcome === "UNRESTORABLE" ? "no good copy can be read" : "no other node took a copy";
    lines.push(`  chunk ${chunk} ${where ?? "of no file"}: ${why}`);
  }
  if (failed.size > lines.length) lines.push(`  and ${failed.size - lines.length} more`);
  return [
    `${count(failed.size, "chunk")} could not be moved off ${name}; keep it, if it is there at all:`,
    ...lines,
    `See "status" for nodes that are down or full. When they are back, the same command carries on.`,
  ].join("\n");
}
