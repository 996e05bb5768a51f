import { setTimeout as sleep } from "node:timers/promises";
import {
  ConnectionException,
  DeadlockException,
  LockWaitTimeoutException,
  MikroORM,
  type Options,
} from "@mikro-orm/core";
import type { MySqlConnection } from "@mikro-orm/mysql";
import type { SqlEntityManager } from "@mikro-orm/sql";
import { ServiceUnavailableError, StowageError } from "./errors.ts";
import { MySqlConnections } from "./mysql-connections.ts";
import { Turnstile } from "./turnstile.ts";

export type EntityManager = SqlEntityManager;

/** Errors of the network and of a MySQL server that is going, gone or not ours: the statement may succeed later. */
const awayCodes = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "PROTOCOL_CONNECTION_LOST",
  "ER_TOO_MANY_USER_CONNECTIONS",
  "ER_ACCESS_DENIED_ERROR",
  "ER_DBACCESS_DENIED_ERROR",
]);

/** A server that takes no writes any more, because another has taken its place. */
const readOnlyCodes = new Set([
  "ER_OPTION_PREVENTS_STATEMENT",
  "ER_READ_ONLY_MODE",
  "ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION",
]);

/** How often a transaction that the database rolled back is tried again, and for how long. */
const MAX_ATTEMPTS = 8;
const RETRY_MS = 10_000;

/** Of a MySQL server, that an instance uses. */
export const MAX_CONNECTIONS = 16;
const CONNECTION_PATIENCE_MS = 5_000;
const PROBE_MS = 3_000;

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function isReadOnly(error: unknown): boolean {
  return readOnlyCodes.has(codeOf(error));
}

function isAway(error: unknown): boolean {
  if (error instanceof ConnectionException || awayCodes.has(codeOf(error)) || isReadOnly(error)) return true;
  if (!(error instanceof Error)) return false;
  // Class 08 is the connection's: the server is full, starting or shutting down. With 70100 it killed the statement.
  if ("sqlState" in error && /^08|^70100$/.test(String(error.sqlState))) return true;
  return /connection is in closed state|Connection lost/i.test(error.message);
}

/** ER_CHECKREAD is MariaDB's word for a row that changed since the transaction's snapshot. */
function isRolledBack(error: unknown): boolean {
  return (
    error instanceof DeadlockException || error instanceof LockWaitTimeoutException || codeOf(error) === "ER_CHECKREAD"
  );
}

/** An instance that starts at the same time created the database between our looking for it and our creating it. */
function wasCreatedMeanwhile(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ER_DB_CREATE_EXISTS";
}

function translated(error: unknown): unknown {
  if (error instanceof StowageError) return error;
  if (isRolledBack(error)) return new ServiceUnavailableError("The database is too busy. Try again later.", error);
  if (!isAway(error)) return error;
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
  readonly #turnstile: Turnstile;
  #connections: MySqlConnections | undefined;

  private constructor(orm: MikroORM, dialect: "mysql" | "sqlite") {
    this.orm = orm;
    this.dialect = dialect;
    // The pool's own queue knows no end to waiting; the embedded database is never away.
    this.#turnstile = new Turnstile(dialect === "mysql" ? MAX_CONNECTIONS : Infinity, CONNECTION_PATIENCE_MS);
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
    // Only from now on: a migration may take its time.
    const connection = this.orm.em.getConnection() as unknown as MySqlConnection;
    this.#connections = new MySqlConnections(await connection.getNativeClient());
  }

  #em(): EntityManager {
    return this.orm.em.fork() as EntityManager;
  }

  /** @throws ServiceUnavailableError when the database is away */
  async read<T>(work: (em: EntityManager) => Promise<T>): Promise<T> {
    try {
      return await this.#turnstile.pass(() => work(this.#em()));
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
    const deadline = performance.now() + RETRY_MS;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#turnstile.pass(() => this.#em().transactional(work));
      } catch (error) {
        if (isReadOnly(error)) this.#connections?.retire();
        const again = isRolledBack(error) && attempt < MAX_ATTEMPTS && performance.now() < deadline;
        if (!again) throw translated(error);
        await sleep(Math.random() * 10 * 2 ** attempt);
      }
    }
  }

  /** Rejects when the database doesn't answer, soon. */
  async probe(): Promise<void> {
    const settled = new AbortController();
    const late = sleep(PROBE_MS, undefined, { signal: settled.signal }).then(() => {
      throw new ServiceUnavailableError(`The database hasn't answered for ${PROBE_MS} ms.`);
    });
    late.catch(() => {});
    try {
      await Promise.race([this.read((em) => em.execute("select 1")), late]);
    } finally {
      settled.abort();
    }
  }

  async close(): Promise<void> {
    await this.orm.close(true);
  }
}
