import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MikroORM, type Options } from "@mikro-orm/core";
import type { SqlEntityManager } from "@mikro-orm/sql";
import { ServiceUnavailableError } from "../errors.ts";
import { breathe } from "../runtime/event-loop.ts";
import { syncWayTo } from "../runtime/folders.ts";
import { isBusy, isReadOnly, isRolledBack, translated, wasCreatedMeanwhile } from "./database-errors.ts";
import { EmbeddedDriver } from "./embedded-connection.ts";
import type { BoundMySqlConnection } from "./mysql-connection.ts";
import type { MySqlSessions } from "./mysql-sessions.ts";
import { Turnstile } from "./turnstile.ts";

export type EntityManager = SqlEntityManager;

/** How often a transaction that the database rolled back is tried again, and for how long. */
const MAX_ATTEMPTS = 8;
const RETRY_MS = 10_000;
/** How long at most until a lock that another process holds on SQLite's file is asked for again. */
const BUSY_PAUSE_MS = 100;

const CONNECTION_PATIENCE_MS = 5_000;
/** The embedded database has one connection, and a slow disk may take long for each of those in front. */
const EMBEDDED_PATIENCE_MS = 20_000;
const PROBE_MS = 3_000;
/** How many are read at once; the others wait. */
const LONG_READS = 4;
const LONG_PATIENCE_MS = 10_000;

interface OpenOptions {
  /** Durability of the embedded database; a MySQL server has its own settings. */
  durability?: "fsync" | "os";
  log?: (message: string) => void;
}

/** The metadata's database. Every call works on an EntityManager of its own, so calls may run side by side. */
export class Database {
  readonly orm: MikroORM;
  readonly dialect: "mysql" | "sqlite";
  /** The beginning of an insert that leaves a row alone which is there already. */
  readonly insertIgnore: string;
  readonly #turnstile: Turnstile;
  readonly #longReads: Turnstile;
  #sessions: MySqlSessions | undefined;
  /** Whether the last transaction failed for a reason other than its own. */
  #failsToWrite = false;

  private constructor(orm: MikroORM) {
    this.orm = orm;
    this.dialect = orm.driver instanceof EmbeddedDriver ? "sqlite" : "mysql";
    this.insertIgnore = this.dialect === "mysql" ? "insert ignore" : "insert or ignore";
    // The connections' own queues know no end to waiting.
    this.#turnstile =
      this.dialect === "mysql"
        ? new Turnstile(orm.config.get("pool").max ?? 1, CONNECTION_PATIENCE_MS)
        : new Turnstile(1, EMBEDDED_PATIENCE_MS);
    this.#longReads = new Turnstile(LONG_READS, LONG_PATIENCE_MS);
  }

  /** Connects, and brings the schema up to date. A MySQL database that does not exist is created. */
  static async open(options: Partial<Options>, openOptions: OpenOptions = {}): Promise<Database> {
    const { durability = "fsync", log: logger = () => {} } = openOptions;
    const orm = await MikroORM.init({ ...options, logger, colors: false } as Options);
    const database = new Database(orm);
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
      for (const pragma of ["journal_mode = wal", synchronous, "foreign_keys = on"]) {
        await this.#whileFree(() => this.#em().execute(`pragma ${pragma}`));
      }
      await this.#whileFree(() => this.orm.migrator.up());
      if (durability === "fsync") await syncWayTo(dirname(this.orm.config.get("dbName") as string));
      return;
    }
    await this.orm.schema.ensureDatabase();
    // Instances that start together migrate one after the other; the transaction holds the connection with the lock.
    await this.#em().transactional(async (em) => {
      const lock = "select get_lock(concat(database(), '.stowage.migrations'), 300) as held";
      const [row] = await em.execute<{ held: number | string | null }[]>(lock);
      if (Number(row?.held) !== 1) {
        throw new ServiceUnavailableError(
          "Another instance is still migrating the database. Start again when it is done.",
        );
      }
      try {
        await this.orm.migrator.up();
      } finally {
        await em.execute("select release_lock(concat(database(), '.stowage.migrations'))");
      }
    });
    this.#sessions = (this.orm.em.getConnection() as unknown as BoundMySqlConnection).sessions;
    this.#sessions.bound();
  }

  /** Tries again and again while another process holds SQLite's lock, without stopping this one; not for ever. */
  async #whileFree<T>(work: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + RETRY_MS;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!isBusy(error) || performance.now() > deadline) throw error;
        await sleep(Math.random() * BUSY_PAUSE_MS);
      }
    }
  }

  #em(): EntityManager {
    return this.orm.em.fork() as EntityManager;
  }

  /**
   * @param isLong whether it reads much, by statements whose `loggerContext` says so: it is kept off the event loop
   * @throws ServiceUnavailableError when the database is away
   */
  async read<T>(work: (em: EntityManager) => Promise<T>, { isLong = false } = {}): Promise<T> {
    const atOnce = () => this.#turn(() => work(this.#em()));
    const long = () => this.#longReads.pass(this.dialect === "mysql" ? atOnce : () => work(this.#em()));
    try {
      return await this.#whileFree(isLong ? long : atOnce);
    } catch (error) {
      throw translated(error);
    }
  }

  /**
   * Runs `work` in a transaction, again when the database rolled it back for a deadlock or a lock's timeout: it must do
   * nothing but talk to the database.
   * @throws ServiceUnavailableError when the database is away or its disk fails; whether the transaction was committed is
   * not known then
   * @throws InsufficientStorageError when its disk is full
   */
  async transaction<T>(work: (em: EntityManager) => Promise<T>): Promise<T> {
    const deadline = performance.now() + RETRY_MS;
    for (let attempt = 1; ; attempt++) {
      try {
        const done = await this.#whileFree(() => this.#turn(() => this.#em().transactional(work)));
        this.#failsToWrite = false;
        return done;
      } catch (error) {
        if (isReadOnly(error)) this.#sessions?.retire();
        const told = translated(error);
        if (told !== error) this.#failsToWrite = true;
        const again = isRolledBack(error) && attempt < MAX_ATTEMPTS && performance.now() < deadline;
        if (!again) throw told;
        await sleep(Math.random() * 10 * 2 ** attempt);
      }
    }
  }

  #turn<T>(work: () => Promise<T>): Promise<T> {
    return this.#turnstile.pass(async () => {
      await breathe();
      return work();
    });
  }

  /** What of the server's settings loses what was acknowledged, for the operator; undefined where nothing does. */
  async weakness(): Promise<string | undefined> {
    if (this.dialect === "sqlite") return undefined;
    const [row] = await this.read((em) =>
      em.execute<{ flush: number }[]>("select @@innodb_flush_log_at_trx_commit as flush"),
    );
    if (Number(row?.flush) === 1) return undefined;
    return `innodb_flush_log_at_trx_commit is ${row?.flush}: a crash of the database's machine loses what was acknowledged. Set it to 1.`;
  }

  /** Rejects when the database doesn't answer, soon; and, where writing failed last, while it still does. */
  async probe(): Promise<void> {
    const settled = new AbortController();
    const late = sleep(PROBE_MS, undefined, { signal: settled.signal }).then(() => {
      throw new ServiceUnavailableError(`The database hasn't answered for ${PROBE_MS} ms.`);
    });
    late.catch(() => {});
    try {
      await Promise.race([this.#failsToWrite ? this.#write() : this.read((em) => em.execute("select 1")), late]);
    } finally {
      settled.abort();
    }
  }

  /** Writes what is there already. */
  async #write(): Promise<void> {
    await this.transaction(async (em) => {
      if (this.dialect === "mysql") return em.execute("update deployment set id = id");
      const [row] = await em.execute<{ user_version: number }[]>("pragma user_version");
      return em.execute(`pragma user_version = ${row?.user_version ?? 0}`);
    });
  }

  async close(): Promise<void> {
    await this.orm.close(true);
  }
}
