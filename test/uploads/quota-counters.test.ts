import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { v7 as uuidv7 } from "uuid";
import { expect, test } from "vitest";
import { databaseOptions } from "../../mikro-orm.config.ts";
import type { Principal } from "../../src/access/principal.ts";
import { QuotaService } from "../../src/accounts/quota-service.ts";
import { UserRecord } from "../../src/accounts/user-record.ts";
import { Database } from "../../src/database/database.ts";
import { ApiError } from "../../src/errors.ts";
import { FileService } from "../../src/files/file-service.ts";
import type { FileRecord } from "../../src/metadata/file-record.ts";
import { appendChunks, recordChunk } from "../../src/metadata/record-chunks.ts";
import type { StorageNode } from "../../src/storage/storage-node.ts";
import { AppendService } from "../../src/uploads/append-service.ts";
import { expireUploads } from "../../src/uploads/expiry.ts";
import { UploadService } from "../../src/uploads/upload-service.ts";
import { dialects, newDatabaseUrl } from "../support/databases.ts";
import { sessionOf } from "../support/principal.ts";
import { type SeededRandom, seededRandom } from "../support/seeded-random.ts";

const seed = Number(process.env["STOWAGE_TEST_SEED"] ?? randomInt(2 ** 31));
const QUOTA = 200_000;
/** One chunk. */
const LARGEST = 65_536;
const CLIENTS = 8;
const ACTS = 60;
const HOUR_MS = 3600_000;

// In one statement, which sees one moment.
const COUNTED = `
  select file_count, used_bytes, reserved_bytes,
    (select count(*) from files where owner_id = users.id and status = 'COMPLETE') as files,
    (select coalesce(sum(size), 0) from files where owner_id = users.id and status = 'COMPLETE') as used,
    (select coalesce(sum(size), 0) from files where owner_id = users.id and status = 'OPEN') as reserved
  from users where id = ?`;

/** The refusals that a race between them may end in. */
const expected = new Set([
  "QUOTA_EXCEEDED",
  "UPLOAD_CLOSED",
  "UPLOAD_INCOMPLETE",
  "NOT_FOUND",
  "BAD_USER_INPUT",
  "OFFSET_MISMATCH",
]);

async function* nothing(): AsyncGenerator<Uint8Array> {}

const nowhere = new Proxy({} as StorageNode, {
  get() {
    throw new Error("No byte is stored here");
  },
});

/** One instance's services, on a connection pool of their own. */
class Instance {
  readonly database: Database;
  readonly uploads: UploadService;
  readonly files: FileService;
  readonly quotas: QuotaService;
  readonly appends: AppendService;

  constructor(database: Database) {
    this.database = database;
    this.quotas = new QuotaService(database, QUOTA);
    const options = { expiryMs: HOUR_MS, resumeKeyExpiryMs: HOUR_MS, defaultChunkSize: LARGEST, maxFileSize: QUOTA };
    this.uploads = new UploadService(database, this.quotas, options, () => {});
    this.appends = new AppendService(database, nowhere, this.quotas, this.uploads, options);
    this.files = new FileService(database, () => {});
  }

  /** Does one thing to one of the uploads, which are shared by all. */
  async act(random: SeededRandom, principal: Principal, ids: string[]): Promise<void> {
    const id = ids[random.integer(Math.max(0, ids.length - 12), ids.length - 1)];
    const chosen = random.integer(1, 10);
    if (id === undefined || chosen <= 3) {
      const resumeKey = random.chance(0.5) ? `key ${random.integer(1, 3)}` : null;
      // Few sizes, so that keys are found again.
      const request = { filename: "f", size: random.integer(0, 3) * 20_000, resumeKey };
      const endless = { filename: "f", size: null, isSequential: true };
      ids.push((await this.uploads.begin(principal, random.chance(0.3) ? endless : request)).id);
    } else if (chosen <= 6) {
      const upload = await this.uploads.find(principal, id);
      if (upload?.isSequential && !upload.sizeKnown) return this.#goOn(random, principal, upload);
      if (upload !== null && upload.size > 0) {
        const bytes = { sha256: Buffer.alloc(32), checksums: Buffer.alloc(4) };
        const chunk = { id: uuidv7(), offset: 0, size: upload.size, nodes: ["node1"], ...bytes };
        await recordChunk(this.database, upload, chunk, new Date(Date.now() + HOUR_MS));
      }
      await this.uploads.complete(principal, id, null);
    } else if (chosen === 7) await this.uploads.abort(principal, id);
    else if (chosen === 8) await this.files.delete(principal, id);
    else {
      const past = "update files set expires_at = ? where id = ? and status = 'OPEN'";
      await this.database.transaction((em) => em.execute(past, [new Date(0), id]));
      if (random.chance(0.7)) {
        const failed = (_id: string, error: unknown) => {
          throw error;
        };
        await expireUploads(this.database, failed, new AbortController().signal);
      }
    }
  }

  /** With an upload whose size isn't known: adds a chunk, or tells the size. */
  async #goOn(random: SeededRandom, principal: Principal, upload: FileRecord): Promise<void> {
    const chosen = random.integer(1, 6);
    if (chosen <= 2) {
      const size = upload.receivedBytes + random.integer(0, 2) * 10_000;
      await this.appends.append(principal, upload, { offset: upload.receivedBytes, size, bytes: nothing() });
    } else if (chosen === 3) {
      await this.uploads.complete(principal, upload.id, null);
    } else {
      const size = random.integer(1, 20_000);
      const bytes = { sha256: Buffer.alloc(32), checksums: Buffer.alloc(4) };
      const chunk = { id: uuidv7(), offset: upload.receivedBytes, size, nodes: ["node1"], ...bytes };
      await appendChunks(this.database, this.quotas, upload, [chunk], new Date(Date.now() + HOUR_MS));
    }
  }
}

test.each(dialects)(
  `%s: the counters are the sums over the files, whatever happens at once (seed ${seed})`,
  async (dialect) => {
    const folder = await mkdtemp(join(tmpdir(), "stowage-quota-"));
    const url = newDatabaseUrl(dialect, folder);
    const databases: Database[] = [];
    try {
      // The embedded database is one process's.
      for (let i = 0; i < (dialect === "mysql" ? 2 : 1); i++) databases.push(await Database.open(databaseOptions(url)));
      const instances = databases.map((database) => new Instance(database));
      const [{ database }] = instances as [Instance];
      const id = uuidv7();
      const names = { username: "a", usernameKey: "a", email: "a", emailKey: "a", passwordHash: "none" };
      await database.transaction((em) => em.insert(UserRecord, { id, ...names, role: "USER", createdAt: new Date() }));
      const principal = sessionOf(await database.read((em) => em.findOneOrFail(UserRecord, id)));

      const check = async () => {
        const [row] = await database.read((em) => em.execute<Record<string, number | string>[]>(COUNTED, [id]));
        const { file_count, used_bytes, reserved_bytes, files, used, reserved } = Object.fromEntries(
          Object.entries(row ?? {}).map(([name, value]) => [name, Number(value)]),
        );
        expect({ file_count, used_bytes, reserved_bytes }).toEqual({
          file_count: files,
          used_bytes: used,
          reserved_bytes: reserved,
        });
        expect(Number(used) + Number(reserved)).toBeLessThanOrEqual(QUOTA);
        return { used: Number(used), reserved: Number(reserved) };
      };

      const ids: string[] = [];
      const outcomes = new Map<string, number>();
      const count = (code: string) => outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
      const clients = Array.from({ length: CLIENTS }, async (_, i) => {
        const random = seededRandom(seed + i);
        const instance = instances[i % instances.length] as Instance;
        for (let act = 0; act < ACTS; act++) {
          try {
            await instance.act(random, principal, ids);
            count("OK");
          } catch (error) {
            if (!(error instanceof ApiError) || !expected.has(error.code)) throw error;
            count(error.code);
          }
          if (act % 4 === 0) await check();
        }
      });
      await Promise.all(clients);
      await check();
      expect(outcomes.get("OK")).toBeGreaterThan(CLIENTS * ACTS * 0.2);
      expect(outcomes.get("QUOTA_EXCEEDED")).toBeGreaterThan(0);
    } finally {
      await Promise.all(databases.map((database) => database.close()));
      await rm(folder, { recursive: true });
    }
  },
);
