import { replaceNode } from "../nodes/node-registry.ts";
import { count, formatBytes } from "../terminal/format.ts";
import { TooManyOrphansError } from "../upkeep/orphans.ts";
import { AdminError } from "./admin-error.ts";
import { type CommandContext, waitPolitely } from "./command-context.ts";

export async function rebalance(context: CommandContext): Promise<void> {
  const { upkeep, terminal } = context;
  const progress = terminal.progress("rebalance", "MiB moved");
  const mib = (bytes: number) => Math.round(bytes / 1024 ** 2);
  const moved = await upkeep.rebalancer
    .rebalance({
      ...waitPolitely(context),
      onProgress: ({ movedBytes, totalBytes, movedChunks }) =>
        progress.update(mib(movedBytes), Math.max(mib(totalBytes), mib(movedBytes)), count(movedChunks, "chunk")),
    })
    .finally(() => progress.end());
  const what = `${count(moved.movedChunks, "chunk")}, ${formatBytes(moved.movedBytes)}, moved`;
  terminal.line(
    moved.movedChunks === 0 ? "The nodes are balanced: nothing to move." : `The nodes are balanced: ${what}.`,
  );
}

/** @param name of one node; all that are up where it is left out */
export async function scrub(context: CommandContext, name: string | undefined): Promise<void> {
  const { nodes, storage, terminal, upkeep } = context;
  const chosen = name === undefined ? await storage.reports() : [await nodes.report(name)];
  const down = chosen.filter(({ state }) => state === "DOWN").map((node) => node.name);
  if (name !== undefined && down.length > 0) throw new AdminError(`${name} is DOWN; see "status".`);
  let bad = 0;
  for (const { name: node } of chosen.filter(({ state }) => state !== "DOWN")) {
    terminal.line(`${node}: every chunk is read and verified.`);
    const progress = terminal.progress(node, "chunks verified");
    const pass = await upkeep.scrubber
      .scrubNode(node, {
        ...waitPolitely(context),
        onProgress: ({ verifiedChunks, totalChunks, badChunks }) =>
          progress.update(verifiedChunks, Math.max(totalChunks, verifiedChunks), `${badChunks} bad`),
      })
      .finally(() => progress.end());
    const { verifiedChunks, verifiedBytes, badChunks } = pass;
    terminal.line(`${node}: ${count(verifiedChunks, "chunk")}, ${formatBytes(verifiedBytes)}, ${badChunks} bad.`);
    bad += badChunks;
  }
  if (bad > 0) terminal.line(`${count(bad, "chunk")} queued: running servers restore them; see "status".`);
  if (down.length > 0) throw new AdminError(`Not scrubbed, because DOWN: ${down.join(", ")}; see "status".`);
}

export async function sweep(context: CommandContext, name: string, force: boolean): Promise<void> {
  const { nodes, terminal, upkeep, signal } = context;
  if ((await nodes.report(name)).state === "DOWN") throw new AdminError(`${name} is DOWN; see "status".`);
  try {
    const { blobs, orphans, strays } = await upkeep.sweeper.sweepNode(name, { force, signal });
    terminal.line(
      `${name}: ${count(blobs, "blob")} older than a day; ${count(orphans, "orphan")} removed, ${count(strays, "stray")} queued for repair.`,
    );
  } catch (error) {
    if (!(error instanceof TooManyOrphansError)) throw error;
    throw new AdminError(
      `${error.message}. Nothing more was removed. If DATABASE_URL is right, and no older backup: sweep ${name} --force`,
    );
  }
}

export async function replace({ database, nodes, storage, terminal, upkeep }: CommandContext, name: string) {
  const node = await nodes.report(name);
  if (node.state !== "DOWN") {
    throw new AdminError(`${name} is there, with the disk that belongs to it: nothing to replace.`);
  }
  const chunks = await upkeep.drainer.left(name);
  await replaceNode(database, name);
  // They find that everything is missing there, and restore it.
  await upkeep.requests.add("SCRUB", name);
  await storage.probe().catch(() => {});
  const now = await nodes.report(name);
  if (now.state === "DOWN") {
    const why = now.error instanceof Error ? now.error.message : String(now.error);
    throw new AdminError(
      `The next empty place under the name ${name} will be it, but there is none yet: ${why}\nPut it there; servers take it by themselves.`,
    );
  }
  terminal.line(
    `${name} is the empty disk now. Running servers restore ${count(chunks, "chunk")} on it; see "status".`,
  );
  if (now.state === "DRAINING") {
    terminal.line(`It is still marked as draining; to let it take chunks: drain ${name} --undo`);
  }
}
