import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { seededRandom } from "../support/seeded-random.ts";
import type { Cluster } from "./cluster.ts";
import type { Epoch, Fault } from "./plan.ts";
import type { Report } from "./report.ts";
import { S3Victim } from "./s3-victim.ts";
import type { Victim } from "./victim.ts";

const OTHER_COPIES = `
  select mine.chunk_id as id, chunk.sha256, other.node from chunk_replicas mine
  join chunk_replicas other on other.chunk_id = mine.chunk_id and other.node <> mine.node
  join chunks chunk on chunk.id = mine.chunk_id
  where mine.node = ? order by mine.chunk_id, other.node`;

/** A copy that was destroyed. */
export interface HarmedCopy {
  id: string;
  node: string;
}

/** Lets the epoch's faults happen, one after the other. @param stopped asked before each */
export async function inflict(
  { node, steps }: Epoch,
  cluster: Cluster,
  report: Report,
  stopped: () => boolean,
): Promise<HarmedCopy[]> {
  const victim = cluster.nodes.get(node) as Victim;
  const harmed: HarmedCopy[] = [];
  for (const { act, pauseMs } of steps) {
    await sleep(pauseMs);
    if (stopped()) break;
    if (act.kind === "relief") {
      await victim.relieve();
      continue;
    }
    report.fault(act);
    if (act.kind === "blobs lost" || act.kind === "bits flipped") harmed.push(...(await harm(cluster, victim, act)));
    else await happen(act, cluster, victim);
  }
  await victim.relieve();
  return harmed;
}

async function happen(fault: Fault, cluster: Cluster, victim: Victim): Promise<void> {
  switch (fault.kind) {
    case "node full":
      return victim.fill();
    case "node gone":
      return victim.vanish();
    case "S3 answers":
      if (victim instanceof S3Victim) victim.answer(fault.how, fault.times, fault.cutAfter);
      return;
    case "server killed":
      return cluster.killServer(fault.server);
    case "all servers killed":
      return cluster.killAllServers();
    case "database killed":
      return cluster.killDatabase();
    case "database paused":
      return cluster.pauseDatabase(fault.ms);
  }
}

async function harm(
  cluster: Cluster,
  victim: Victim,
  { kind, part, choice }: Extract<Fault, { part: number }>,
): Promise<HarmedCopy[]> {
  const random = seededRandom(choice);
  const ids = random.shuffle(await spareCopies(cluster, victim));
  const harmed: HarmedCopy[] = [];
  for (const id of ids.slice(0, Math.ceil(ids.length * part))) {
    const done = kind === "blobs lost" ? await victim.lose(id) : await victim.flip(id, random.integer(0, 2 ** 31));
    if (done) harmed.push({ id, node: victim.name });
  }
  return harmed;
}

/** The blobs of which another node has, at this moment, a good copy that its row tells of. */
async function spareCopies({ database, nodes }: Cluster, victim: Victim): Promise<string[]> {
  type Row = { id: string; sha256: Uint8Array; node: string };
  const rows = await database.read((em) => em.execute<Row[]>(OTHER_COPIES, [victim.name]));
  const there = new Set(await victim.blobs());
  const spare = new Set<string>();
  for (const { id, sha256, node } of rows) {
    if (!there.has(id) || spare.has(id)) continue;
    const copy = await nodes.get(node)?.bytes(id);
    if (copy != null && createHash("sha256").update(copy).digest().equals(sha256)) spare.add(id);
  }
  return [...spare];
}
