import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { defineConfig, type Options } from "@mikro-orm/core";
import { Migrator } from "@mikro-orm/migrations";
import { AccessToken } from "./src/accounts/access-token.ts";
import { User } from "./src/accounts/user.ts";
import { readConfig } from "./src/config.ts";
import { MAX_CONNECTIONS } from "./src/database.ts";
import { EmbeddedDriver } from "./src/embedded-connection.ts";
import { Chunk, ChunkReplica } from "./src/files/chunk.ts";
import { DownloadLink } from "./src/files/download-link.ts";
import { StoredFile } from "./src/files/file.ts";
import { FileChunk } from "./src/files/manifest.ts";
import { mysqlMigrations } from "./src/migrations/mysql/index.ts";
import { sqliteMigrations } from "./src/migrations/sqlite/index.ts";
import { BoundMySqlDriver } from "./src/mysql-connection.ts";
import { Deployment, NodeRecord } from "./src/nodes/node-record.ts";
import { Lease } from "./src/upkeep/lease.ts";
import { Repair } from "./src/upkeep/repair.ts";
import { Scrub } from "./src/upkeep/scrub.ts";
import { UpkeepRequest } from "./src/upkeep/upkeep-request.ts";
import { TusUpload } from "./src/uploads/tus-upload.ts";

const CONNECT_TIMEOUT_MS = 5_000;

const common = {
  entities: [
    User,
    AccessToken,
    StoredFile,
    Chunk,
    ChunkReplica,
    FileChunk,
    DownloadLink,
    Deployment,
    NodeRecord,
    Lease,
    Repair,
    Scrub,
    UpkeepRequest,
    TusUpload,
  ],
  extensions: [Migrator],
} satisfies Partial<Options>;

function sqliteOptions(path: string): Partial<Options> {
  mkdirSync(dirname(path), { recursive: true });
  return defineConfig({
    ...common,
    driver: EmbeddedDriver,
    dbName: path,
    migrations: { migrationsList: sqliteMigrations, snapshot: false },
  });
}

function mysqlOptions(url: string): Partial<Options> {
  return defineConfig({
    ...common,
    driver: BoundMySqlDriver,
    clientUrl: url,
    charset: "utf8mb4",
    // Bytes decide, so that both databases order and compare alike.
    collate: "utf8mb4_bin",
    pool: { min: 0, max: MAX_CONNECTIONS },
    driverOptions: { connectTimeout: CONNECT_TIMEOUT_MS },
    migrations: { migrationsList: mysqlMigrations, snapshot: false },
  });
}

/** @param url `sqlite:<path>` or `mysql://…`, as in DATABASE_URL */
export function databaseOptions(url: string): Partial<Options> {
  return url.startsWith("sqlite:") ? sqliteOptions(url.slice("sqlite:".length)) : mysqlOptions(url);
}

/** For the MikroORM command line. */
export default () => databaseOptions(readConfig(process.env).databaseUrl);
