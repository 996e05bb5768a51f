import { createHash } from "node:crypto";
import { type Cluster, REPLICAS } from "./cluster.ts";

const REPLICA_ROWS = `
  select chunk.id, chunk.size, chunk.sha256, replica.node from chunks chunk
  left join chunk_replicas replica on replica.chunk_id = chunk.id order by chunk.id, replica.node`;
const UNUSED = "select id from chunks where not exists (select 1 from file_chunks where chunk_id = chunks.id)";
const UNFREED = `
  select distinct file.id from files file join file_chunks entry on entry.file_id = file.id
  where file.status not in ('OPEN', 'COMPLETE')`;
const QUEUED = "select repairs.chunk_id as id from repairs join chunks on chunks.id = repairs.chunk_id";
const WRONG_PROGRESS = `
  select file.id, file.received_bytes as counted, coalesce(sum(chunk.size), 0) as summed from files file
  left join file_chunks entry on entry.file_id = file.id left join chunks chunk on chunk.id = entry.chunk_id
  where file.status in ('OPEN', 'COMPLETE') group by file.id, file.received_bytes, file.received_chunks
  having coalesce(sum(chunk.size), 0) <> file.received_bytes or count(chunk.id) <> file.received_chunks`;
const sumOf = (status: string) =>
  `(select coalesce(sum(size), 0) from files where owner_id = users.id and status = '${status}')`;
const WRONG_QUOTA = `
  select username as id, used_bytes, reserved_bytes from users
  where used_bytes <> ${sumOf("COMPLETE")} or reserved_bytes <> ${sumOf("OPEN")}
  or file_count <> (select count(*) from files where owner_id = users.id and status = 'COMPLETE')`;

/** @returns all that isn't as it should be once everything is restored, a line each */
export async function inspect(cluster: Cluster): Promise<string[]> {
  const query = (sql: string) => cluster.database.read((em) => em.execute<{ id: string }[]>(sql));
  const findings: string[] = [];
  for (const [what, sql] of [
    ["chunk without a file", UNUSED],
    ["closed file not freed", UNFREED],
    ["repair waiting", QUEUED],
    ["progress isn't the sum of the chunks", WRONG_PROGRESS],
    ["storage counters aren't the sums of the files", WRONG_QUOTA],
  ] as const) {
    for (const row of await query(sql)) findings.push(`${what}: ${JSON.stringify(row)}`);
  }
  return [...findings, ...(await inspectCopies(cluster)), ...(await inspectLeftovers(cluster))];
}

/** Rows and blobs, both ways, and each copy's bytes. */
async function inspectCopies({ database, nodes }: Cluster): Promise<string[]> {
  type Row = { id: string; size: number; sha256: Uint8Array; node: string | null };
  // In this order: what is freed meanwhile leaves a blob without a row, and is looked at again.
  const lists = await Promise.all([...nodes.values()].map(async (node) => [node.name, await node.blobs()] as const));
  const unknown = new Set(lists.flatMap(([name, ids]) => ids.map((id) => `${name}/${id}`)));
  const rows = await database.read((em) => em.execute<Row[]>(REPLICA_ROWS));
  const findings: string[] = [];
  const copies = new Map<string, number>();
  for (const { id, sha256, node } of rows) {
    copies.set(id, (copies.get(id) ?? 0) + (node === null ? 0 : 1));
    if (node === null) continue;
    unknown.delete(`${node}/${id}`);
    const bytes = await nodes.get(node)?.bytes(id);
    if (bytes == null) findings.push(`row without a blob: ${node}/${id}`);
    else if (!createHash("sha256").update(bytes).digest().equals(sha256)) findings.push(`bad blob: ${node}/${id}`);
  }
  for (const [id, count] of copies) if (count !== REPLICAS) findings.push(`chunk with ${count} copies: ${id}`);
  for (const blob of unknown) findings.push(`blob without a row: ${blob}`);
  return findings;
}

/** What writes and repairs put somewhere for a while, and is still there. */
async function inspectLeftovers({ nodes }: Cluster): Promise<string[]> {
  const found = [...nodes.values()].map(async (node) =>
    (await node.leftovers()).map((name) => `leftover: ${node.name}/${name}`),
  );
  return (await Promise.all(found)).flat();
}
