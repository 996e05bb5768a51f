import { setTimeout as sleep } from "node:timers/promises";
import {
  ConnectionException,
  DeadlockException,
  LockWaitTimeoutException,
  MikroORM,
  type Options,
} from "@mikro-orm/core";
import type { SqlEntityManager } from "@mikro-orm/sql";
import { ServiceUnavailableError, StowageError } from "./errors.ts";

export type EntityManager = SqlEntityManager;

/** Errors of the network and of a MySQL server that is going, gone or not ours: the statement may succeed later. */
const awayCodes = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "PROTOCOL_CONNECTION_LOST",
  "ER_SERVER_SHUTDOWN",
  "ER_CON_COUNT_ERROR",
  "ER_CONNECTION_KILLED",
  "ER_ACCESS_DENIED_ERROR",
  "ER_DBACCESS_DENIED_ERROR",
]);

/** How often a transaction that the database rolled back is tried again. */
const MAX_ATTEMPTS = 8;

function isAway(error: unknown): boolean {
  if (error instanceof ConnectionException) return true;
  if (!(error instanceof Error)) return false;
  const code = "code" in error ? String(error.code) : "";
  return awayCodes.has(code) || /connection is in closed state|Connection lost/i.test(error.message);
}

function isRolledBack(error: unknown): boolean {
  return error instanceof DeadlockException || error instanceof LockWaitTimeoutException;
}

/** An instance that starts at the same time created the database between our looking for it and our creating it. */
function wasCreatedMeanwhile(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ER_DB_CREATE_EXISTS";
}

function translated(error: unknown): unknown {
  if (error instanceof StowageError || !isAway(error)) return error;
  return new ServiceUnavailableError("The database can't be reached at the moment. Try again later.", error);
}

export interface OpenOptions {
  /** Of the embedded database; a MySQL server has its own settings. */
  durability?: "fsync" | "os";
  log?: (message: string) => void;
}

/** The metadata's database. Every call works on an EntityManager of its own, so calls may run side by side. */
export class Database {
  readonly orm: MikroORM;
  readonly dialect: "mysql" | "sqlite";

  private constructor(orm: MikroORM, dialect: "mysql" | "sqlite") {
    this.orm = orm;
    this.dialect = dialect;
  }

  /** Connects, and brings the schema up to date. A MySQL database that does not exist is created. */
  static async open(options: Partial<Options>, openOptions: OpenOptions = {}): Promise<Database> {
    const { durability = "fsync", log: logger = () => {} } = openOptions;
    const orm = await MikroORM.init({ ...options, logger, colors: false } as Options);
    const database = new Database(orm, options.clientUrl === undefined ? "sqlite" : "mysql");
    try {
      await database.#prepare(durability);
    } catch (error) {
      await orm.close(true);
      if (wasCreatedMeanwhile(error)) return Database.open(options, openOptions);
      throw translated(error);
    }
    return database;
  }

  async #prepare(durability: "fsync" | "os"): Promise<void> {
    if (this.dialect === "sqlite") {
      // In WAL mode, `normal` syncs at checkpoints only.
      const synchronous = `synchronous = ${durability === "fsync" ? "full" : "normal"}`;
      for (const pragma of ["journal_mode = wal", synchronous, "busy_timeout = 10000", "foreign_keys = on"]) {
        await this.#em().execute(`pragma ${pragma}`);
      }
      await this.orm.migrator.up();
      return;
    }
    await this.orm.schema.ensureDatabase();
    // Instances that start together migrate one after the other; the transaction holds the connection with the lock.
    await this.#em().transactional(async (em) => {
      await em.execute("select get_lock(concat(database(), '.stowage.migrations'), 300)");
      try {
        await this.orm.migrator.up();
      } finally {
        await em.execute("select release_lock(concat(database(), '.stowage.migrations'))");
      }
    });
  }

  #em(): EntityManager {
    return this.orm.em.fork() as EntityManager;
  }

  /** @throws ServiceUnavailableError when the database is away */
  async read<T>(work: (em: EntityManager) => Promise<T>): Promise<T> {
    try {
      return await work(this.#em());
    } catch (error) {
      throw translated(error);
    }
  }

  /**
   * Runs `work` in a transaction, again when the database rolled it back for a deadlock or a lock's timeout: it must do
   * nothing but talk to the database.
   * @throws ServiceUnavailableError when the database is away; whether the transaction was committed is not known then
   */
  async transaction<T>(work: (em: EntityManager) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#em().transactional(work);
      } catch (error) {
        if (!isRolledBack(error) || attempt === MAX_ATTEMPTS) throw translated(error);
        await sleep(Math.random() * 10 * 2 ** attempt);
      }
    }
  }

  /** Rejects when the database doesn't answer. */
  async probe(): Promise<void> {
    await this.read((em) => em.execute("select 1"));
  }

  async close(): Promise<void> {
    await this.orm.close(true);
  }
}
