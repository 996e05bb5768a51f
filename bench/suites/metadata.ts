import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { v7 as uuidv7 } from "uuid";
import { databaseOptions } from "../../mikro-orm.config.ts";
import type { Principal } from "../../src/access/principal.ts";
import { QuotaService } from "../../src/accounts/quota-service.ts";
import type { UserRecord } from "../../src/accounts/user-record.ts";
import { Database } from "../../src/database/database.ts";
import { FileService } from "../../src/files/file-service.ts";
import { readManifestAt } from "../../src/metadata/manifests.ts";
import type { StorageNode } from "../../src/storage/storage-node.ts";
import { ChunkService } from "../../src/uploads/chunk-service.ts";
import { UploadService } from "../../src/uploads/upload-service.ts";
import { MySqlServer } from "../../test/support/mysql-server.ts";
import { sessionOf } from "../../test/support/principal.ts";
import { printTable } from "../compare.ts";
import { median } from "../measure.ts";

const COUNTS = [1_000, 1_000_000];
const CHUNKS = 100_000;
const CHUNK = 64 * 1024;
const ROWS_PER_INSERT = 1_000;
const TIMES = 50;

/** Takes blobs and forgets them: it is the database that is measured. */
const nowhere = {
  name: "nowhere",
  create: async () => ({ write: async () => {}, commit: async () => ["node1"], abort: async () => {} }),
} as unknown as StorageNode;

async function insertRows(database: Database, into: string, count: number, row: (index: number) => string) {
  for (let start = 0; start < count; start += ROWS_PER_INSERT) {
    const rows = Array.from(
      { length: Math.min(ROWS_PER_INSERT, count - start) },
      (_, index) => `(${row(start + index)})`,
    );
    await database.transaction((em) => em.execute(`insert into ${into} values ${rows.join(",")}`));
  }
}

const hex = (bytes: Buffer) => `x'${bytes.toString("hex")}'`;

/** A user with so many files, and one upload of CHUNKS chunks that only needs completing. */
async function populate(
  database: Database,
  files: number,
): Promise<{ principal: Principal; uploadId: string; ids: string[] }> {
  const sqlite = database.dialect === "sqlite";
  const date = sqlite ? String(Date.now()) : "'2026-11-22 00:00:00.000'";
  const user = { id: uuidv7() } as UserRecord;
  await insertRows(database, "users", 1, () =>
    [
      ...[`'${user.id}'`, "'a'", "'a'", "'a@b.c'", "'a@b.c'", "''", "'USER'", files, date],
      ...[files * CHUNK, CHUNKS * CHUNK, "null"],
    ].join(","),
  );
  const ids: string[] = [];
  const fileRow = (status: string, size: number, chunks: number) => (index: number) => {
    const id = uuidv7();
    ids.push(id);
    const name = `'file ${createHash("md5").update(String(index)).digest("hex")}'`;
    const digest = status === "COMPLETE" ? hex(randomBytes(32)) : "null";
    const completed = status === "COMPLETE" ? date : "null";
    const values = [`'${id}'`, `'${user.id}'`, name, name, "'a/b'", size, CHUNK, `'${status}'`, chunks, size, digest];
    return [...values, "null", date, completed, sqlite ? String(Date.now() + 1e9) : "'2036-01-01'", "null"].join(",");
  };
  await insertRows(database, "files", files, fileRow("COMPLETE", CHUNK, 1));
  const own = ids.splice(0);
  await insertRows(database, "files", 1, fileRow("OPEN", CHUNKS * CHUNK, CHUNKS));
  const uploadId = ids[0] as string;
  const chunkIds = Array.from({ length: CHUNKS }, () => uuidv7());
  const checksums = hex(Buffer.alloc(4));
  await insertRows(database, "chunks", CHUNKS, (index) =>
    [`'${chunkIds[index]}'`, CHUNK, hex(randomBytes(32)), checksums, date, "null"].join(","),
  );
  await insertRows(database, "chunk_replicas", CHUNKS, (index) => `'${chunkIds[index]}','node1'`);
  await insertRows(database, "file_chunks", CHUNKS, (index) => `'${uploadId}',${index * CHUNK},'${chunkIds[index]}'`);
  return { principal: sessionOf(user), uploadId, ids: own };
}

type Timings = Record<string, number>;

/** Milliseconds of each operation, medians. */
async function time(database: Database, files: number): Promise<Timings> {
  const { principal, uploadId, ids } = await populate(database, files);
  const limits = { defaultChunkSize: CHUNK, maxFileSize: 2 ** 43, expiryMs: 1e9, resumeKeyExpiryMs: 1e9 };
  const uploads = new UploadService(database, new QuotaService(database, null), limits, () => {});
  const chunks = new ChunkService(database, nowhere, 1e9);
  const service = new FileService(database, () => {});
  const timings: Timings = {};
  async function of(name: string, times: number, work: (index: number) => Promise<unknown>) {
    const taken: number[] = [];
    for (let index = 0; index < times; index++) {
      const start = performance.now();
      await work(index);
      taken.push(performance.now() - start);
    }
    timings[name] = median(taken);
  }

  const upload = await uploads.begin(principal, { filename: "x", size: 1000 * CHUNK });
  const body = Buffer.alloc(CHUNK);
  await of("beginUpload", TIMES, (index) =>
    uploads.begin(principal, { filename: "x", size: 1, resumeKey: String(index) }),
  );
  await of("uploadChunk, 64 KiB", TIMES, (index) =>
    chunks.store(principal, upload.id, {
      index: index * 2,
      open: async function* () {
        yield body;
      },
    }),
  );
  await of("files, first page", TIMES, () => service.list(principal, { first: 50, orderBy: "FILENAME_ASC" }));
  const total = async () => (await service.list(principal, { first: 0, orderBy: "CREATED_AT_DESC" })).totalCount();
  await of("files, totalCount", TIMES, total);
  // A page deep in the listing: the cursor of an entry in its middle.
  const middle = { id: ids[Math.floor(ids.length / 2)] };
  const inner = Buffer.from(JSON.stringify([middle.id])).toString("base64url");
  const after = Buffer.from(`CREATED_AT_DESC:${inner}`).toString("base64url");
  await of("files, deep page", TIMES, () => service.list(principal, { first: 50, after, orderBy: "CREATED_AT_DESC" }));
  const key = Buffer.from(JSON.stringify(["file 8", middle.id])).toString("base64url");
  const afterKey = Buffer.from(`FILENAME_ASC:${key}`).toString("base64url");
  await of("files, deep page by filename", TIMES, () =>
    service.list(principal, { first: 50, after: afterKey, orderBy: "FILENAME_ASC" }),
  );
  const partial = await uploads.find(principal, upload.id);
  if (partial !== null) await of("missing, 50 gaps of 1,000 chunks", TIMES, () => uploads.missing(partial));
  await of("a range in the middle of 100,000 chunks", TIMES, () =>
    database.read((em) => readManifestAt(em, uploadId, (CHUNKS / 2) * CHUNK + 5, 64)),
  );
  await of("deleteFile", TIMES, (index) => service.delete(principal, ids[index] as string));
  await of("completeUpload of 100,000 chunks", 1, () => uploads.complete(principal, uploadId, null));
  return timings;
}

/** What each operation takes of the database, with few files and with many. */
export async function metadataSuite(folder: string): Promise<object[]> {
  const mysql = await MySqlServer.start();
  const rows: object[] = [];
  try {
    for (const dialect of ["sqlite", "mysql"] as const) {
      const columns: Timings[] = [];
      for (const count of COUNTS) {
        const url = dialect === "sqlite" ? `sqlite:${join(folder, `${count}.sqlite`)}` : `${mysql.url}/files_${count}`;
        const database = await Database.open(databaseOptions(url));
        columns.push(await time(database, count));
        await database.close();
      }
      const [few = {}, many = {}] = columns;
      const names = Object.keys(few);
      console.log(`\n## Metadata on ${dialect === "sqlite" ? "SQLite" : "MySQL"}, milliseconds\n`);
      printTable(
        ["", ...COUNTS.map((count) => `${count.toLocaleString("en")} files`), "ratio"],
        names.map((name) => {
          const [a = 0, b = 0] = [few[name], many[name]];
          return [name, a.toFixed(2), b.toFixed(2), (b / a).toFixed(2)];
        }),
      );
      rows.push(...names.map((name) => ({ suite: `metadata, ${dialect}`, name, few: few[name], many: many[name] })));
    }
    return rows;
  } finally {
    await mysql.stop();
  }
}
