import type { Database, EntityManager } from "../database/database.ts";
import type { StoredFile } from "./file-record.ts";
import type { ByteRange } from "../storage/storage-node.ts";

/** How many digests a statement reads: memory stays flat however many chunks a file has. */
const DIGESTS_PER_READ = 20_000;

/** Where each run of adjoining chunks ends and the next begins, by one pass over the manifest's index. */
const RUN_ENDS = `
  select position, following from (
    select \`offset\` as position, lead(\`offset\`) over (order by \`offset\`) as following
    from file_chunks where file_id = ?
  ) as entries
  where following is null or following > position + ?
  order by position`;

const FIRST_OFFSET = "select min(`offset`) as position from file_chunks where file_id = ?";

/** The byte ranges of an upload that are there, in order, adjoining ones merged. */
export async function receivedRanges(em: EntityManager, upload: StoredFile): Promise<ByteRange[]> {
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

/** The raw SHA-256 of each chunk of a file, in order. */
export async function* chunkDigests(database: Database, fileId: string): AsyncGenerator<Uint8Array> {
  let position = -1;
  for (;;) {
    const rows = await database.read((em) =>
      em.execute<{ position: number | string; sha256: Uint8Array }[]>(
        `select entry.\`offset\` as position, chunk.sha256
         from file_chunks entry join chunks chunk on chunk.id = entry.chunk_id
         where entry.file_id = ? and entry.\`offset\` > ? order by entry.\`offset\` limit ${DIGESTS_PER_READ}`,
        [fileId, position],
      ),
    );
    for (const row of rows) yield row.sha256;
    if (rows.length < DIGESTS_PER_READ) return;
    position = Number(rows.at(-1)?.position);
  }
}
