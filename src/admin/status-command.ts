import type { NodeInfo } from "../nodes/node-service.ts";
import { downReason, type NodeState } from "../storage/node-report.ts";
import type { NodeKind } from "../storage/storage-node.ts";
import { count, formatBytes } from "../terminal/format.ts";
import { formatTable } from "../terminal/table.ts";
import type { ScrubRecord } from "../upkeep/scrub-record.ts";
import type { CommandContext } from "./command-context.ts";

type StatusNode = Pick<NodeInfo, "name" | "draining" | "chunks" | "freeBytes"> & {
  kind: NodeKind | null;
  /** GONE: not configured any more, though the database says that it has copies. */
  state: NodeState | "GONE";
  usedBytes: number | null;
  error: string | null;
};

/** The status that `status --json` prints. */
export interface Status {
  replicas: number;
  nodes: StatusNode[];
  /** Chunks of which the rows name fewer configured nodes than `replicas`. */
  underReplicated: number;
  repairs: { waiting: number; unrestorable: number };
  scrubs: ScrubRecord[];
  /** What was asked for and is not done yet; the node is empty where it is for all. */
  requests: { act: string; node: string; createdAt: Date }[];
  leases: { name: string; expiresInMs: number }[];
}

export async function showStatus(context: CommandContext, { json }: { json: boolean }): Promise<void> {
  const status = await readStatus(context);
  context.terminal.line(json ? JSON.stringify(status, null, 2) : formatStatus(status));
}

async function readStatus({ nodes, registry, storage, upkeep }: CommandContext): Promise<Status> {
  const configured = (await nodes.list()).map(
    ({ name, kind, state, draining, chunks, usedBytes, freeBytes, error }): StatusNode => {
      return { name, kind, state, draining, chunks, usedBytes, freeBytes, error: downReason({ error }) };
    },
  );
  const gone = (await nodes.gone()).map(async (name): Promise<StatusNode> => {
    const facts = { kind: null, usedBytes: null, freeBytes: null, error: "not in STORAGE_NODES" };
    const draining = registry.draining.includes(name);
    return { name, state: "GONE", draining, chunks: await upkeep.drainer.left(name), ...facts };
  });
  const requests = [...(await upkeep.requests.find("SCRUB")), ...(await upkeep.requests.find("REBALANCE"))];
  return {
    replicas: storage.replicas,
    nodes: [...configured, ...(await Promise.all(gone))],
    underReplicated: await upkeep.underReplicated(),
    ...(await upkeep.status()),
    requests: requests.map(({ act, node, createdAt }) => ({ act, node, createdAt })),
  };
}

function formatStatus({ replicas, nodes, underReplicated, repairs, scrubs, requests, leases }: Status): string {
  const size = (bytes: number | null) => (bytes === null ? "?" : formatBytes(bytes));
  const rows = nodes.map((node) => {
    const { name, kind, state, draining, chunks, usedBytes, freeBytes, error } = node;
    const place = kind ?? "?";
    return [name, place, state, draining ? "yes" : "no", String(chunks), size(usedBytes), size(freeBytes), error ?? ""];
  });
  const heads = ["NODE", "KIND", "STATE", "DRAINING", "CHUNKS", "USED", "FREE", "ERROR"];
  const unrestorable =
    repairs.unrestorable === 0 ? "" : `, of ${repairs.unrestorable} of which no good copy can be read at the moment`;
  return [
    formatTable([heads, ...rows], [4, 5, 6]),
    "",
    `Copies    ${replicas} of each chunk; ${count(underReplicated, "chunk")} with fewer`,
    `Repairs   ${count(repairs.waiting, "chunk")} waiting${unrestorable}`,
    ...scrubs.map((pass) => `Scrub     ${pass.node}: ${formatPass(pass)}`),
    ...requests.map(({ act, node }) => `Asked for ${act.toLowerCase()} ${node}`.trimEnd()),
    ...leases.map(({ name }) => `At work   ${name}`),
  ].join("\n");
}

function formatPass({
  startedAt,
  finishedAt,
  verifiedChunks,
  totalChunks,
  verifiedBytes,
  badChunks,
}: ScrubRecord): string {
  const verified = `${formatBytes(verifiedBytes)}, ${badChunks} bad`;
  if (finishedAt != null) return `${count(verifiedChunks, "chunk")} verified by ${day(finishedAt)}, ${verified}`;
  return `${verifiedChunks} of ${count(totalChunks, "chunk")} verified since ${day(startedAt)}, ${verified}`;
}

function day(time: Date): string {
  return `${time.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
