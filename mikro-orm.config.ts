import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { defineConfig, type Options } from "@mikro-orm/core";
import { Migrator } from "@mikro-orm/migrations";
import { ApiKeyRecord } from "./src/access/api-key-record.ts";
import { IdentityRecord } from "./src/access/identity-record.ts";
import { SessionRecord } from "./src/access/session-record.ts";
import { UserRecord } from "./src/accounts/user-record.ts";
import { EmbeddedDriver } from "./src/database/embedded-connection.ts";
import { mysqlMigrations } from "./src/database/migrations/mysql/index.ts";
import { sqliteMigrations } from "./src/database/migrations/sqlite/index.ts";
import { BoundMySqlDriver } from "./src/database/mysql-connection.ts";
import { DownloadLinkRecord } from "./src/files/download-link-record.ts";
import { ChunkRecord } from "./src/metadata/chunk-record.ts";
import { FileRecord } from "./src/metadata/file-record.ts";
import { ManifestRecord } from "./src/metadata/manifest-record.ts";
import { ReplicaRecord } from "./src/metadata/replica-record.ts";
import { DeploymentRecord } from "./src/nodes/deployment-record.ts";
import { NodeRecord } from "./src/nodes/node-record.ts";
import { readConfig } from "./src/setup/config.ts";
import { type MySqlSetting, parseDatabaseUrl, tlsOptions } from "./src/setup/database-setting.ts";
import { LeaseRecord } from "./src/upkeep/lease-record.ts";
import { RepairRecord } from "./src/upkeep/repair-record.ts";
import { ScrubRecord } from "./src/upkeep/scrub-record.ts";
import { UpkeepRequestRecord } from "./src/upkeep/upkeep-request-record.ts";
import { CreationRecord } from "./src/uploads/creation-record.ts";

const CONNECT_TIMEOUT_MS = 5_000;

const common = {
  entities: [
    UserRecord,
    SessionRecord,
    ApiKeyRecord,
    IdentityRecord,
    FileRecord,
    ChunkRecord,
    ReplicaRecord,
    ManifestRecord,
    DownloadLinkRecord,
    DeploymentRecord,
    NodeRecord,
    LeaseRecord,
    RepairRecord,
    ScrubRecord,
    UpkeepRequestRecord,
    CreationRecord,
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

function mysqlOptions(setting: MySqlSetting): Partial<Options> {
  const { host, port, user, password, database, socketPath, connectionLimit } = setting;
  const ssl = tlsOptions(setting);
  return defineConfig({
    ...common,
    driver: BoundMySqlDriver,
    host,
    port,
    user,
    password,
    dbName: database,
    charset: "utf8mb4",
    // Bytes decide, so that both databases order and compare alike.
    collate: "utf8mb4_bin",
    pool: { min: 0, max: connectionLimit },
    driverOptions: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      ...(ssl === undefined ? {} : { ssl }),
      ...(socketPath === null ? {} : { socketPath }),
    },
    migrations: { migrationsList: mysqlMigrations, snapshot: false },
  });
}

/** @param url `sqlite:<path>` or `mysql://…`, as in DATABASE_URL */
export function databaseOptions(url: string): Partial<Options> {
  const setting = parseDatabaseUrl(url);
  if (setting === undefined) throw new TypeError("This is no URL of a database.");
  return setting.kind === "SQLITE" ? sqliteOptions(setting.path) : mysqlOptions(setting);
}

/** For the MikroORM command line. */
export default () => databaseOptions(readConfig(process.env).databaseUrl);
