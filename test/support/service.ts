import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { databaseOptions } from "../../mikro-orm.config.ts";
import { UserRecord } from "../../src/accounts/user-record.ts";
import { Database, type EntityManager } from "../../src/database/database.ts";
import { compose } from "../../src/server/compose.ts";
import { readConfig } from "../../src/setup/config.ts";
import { createLogger } from "../../src/setup/logging.ts";
import { Client } from "./client.ts";
import { type Dialect, newDatabaseUrl } from "./databases.ts";

export interface TestService {
  /** `http://127.0.0.1:<port>` */
  url: string;
  /** Holds node1/, node2/ and the embedded database; goes with the service. */
  folder: string;
  databaseUrl: string;
  /** What was logged, a parsed line each. */
  log: Record<string, unknown>[];
  /** Works on the service's database beside it. */
  database<T>(work: (em: EntityManager) => Promise<T>): Promise<T>;
  /** Signs in somebody new whom the database calls an administrator. */
  administrator(): Promise<Client>;
  stop(): Promise<void>;
}

/** Runs the service in this process, on a random port and in a temporary folder. */
export async function startService(dialect: Dialect, settings: Record<string, string> = {}): Promise<TestService> {
  const folder = await mkdtemp(join(tmpdir(), "stowage-test-"));
  const log: Record<string, unknown>[] = [];
  const config = readConfig({
    DATABASE_URL: newDatabaseUrl(dialect, folder),
    STORAGE_NODES: `node1=file:${join(folder, "node1")},node2=file:${join(folder, "node2")}`,
    PORT: "0",
    ...settings,
  });
  const service = await compose(config, createLogger("debug", { write: (line) => void log.push(JSON.parse(line)) }));
  const url = await service.listen();
  const withDatabase = async <T>(work: (em: EntityManager) => Promise<T>): Promise<T> => {
    const database = await Database.open(databaseOptions(config.databaseUrl));
    try {
      return await database.transaction(work);
    } finally {
      await database.close();
    }
  };
  return {
    url,
    folder,
    databaseUrl: config.databaseUrl,
    log,
    database: withDatabase,
    async administrator() {
      const username = `admin-${randomBytes(4).toString("hex")}`;
      const client = await Client.register(url, username);
      await withDatabase((em) => em.nativeUpdate(UserRecord, { usernameKey: username }, { role: "ADMIN" }));
      return client;
    },
    async stop() {
      await service.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
