import type { EntityManager } from "../database/database.ts";
import type { ByteRange } from "../storage/storage-node.ts";
import type { FileRecord } from "./file-record.ts";

/** Finds where each run of adjoining chunks ends and the next begins, by one pass over the manifest's index. */
const RUN_ENDS = `
  select position, following from (
    select \`offset\` as position, lead(\`offset\`) over (order by \`offset\`) as following
    from file_chunks where file_id = ?
  ) as entries
  where following is null or following > position + ?
  order by position`;

const FIRST_OFFSET = "select min(`offset`) as position from file_chunks where file_id = ?";

/** The byte ranges of an upload that are there, in order, adjoining ones merged. */
export async function receivedRanges(em: EntityManager, upload: FileRecord): Promise<ByteRange[]> {
  const [first] = await em.execute<{ position: number | string | null }[]>(FIRST_OFFSET, [upload.id]);
  if (first?.position == null) return [];
  type RunEnd = { position: number | string; following: number | string | null };
  const ends = await em.execute<RunEnd[]>(RUN_ENDS, [upload.id, upload.chunkSize]);
  const ranges: ByteRange[] = [];
  let start = Number(first.position);
  for (const { position, following } of ends) {
    ranges.push({ start, end: Math.min(Number(position) + upload.chunkSize, upload.size) });
    start = Number(following);
  }
  return ranges;
}
