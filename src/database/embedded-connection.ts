import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type { Configuration, LoggingOptions, Transaction } from "@mikro-orm/core";
import { AbstractSqlDriver, BaseSqliteConnection, SqlitePlatform } from "@mikro-orm/sql";
import { CompiledQuery, SqliteDialect } from "kysely";
import { bind, type Statement } from "./bound-statement.ts";
import { EmbeddedReader } from "./embedded-reader.ts";

/** Statements that are kept prepared. */
const MAX_PREPARED = 256;

interface PreparedStatement {
  readonly reader: boolean;
  all(values: readonly unknown[]): unknown[];
  run(values: readonly unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint };
}

const NOTHING_CHANGED = { changes: 0, lastInsertRowid: 0 };

/** A control statement: nothing of it is bound or read. */
function control(run: () => void): PreparedStatement {
  return {
    reader: false,
    all: () => [],
    run: () => {
      run();
      return NOTHING_CHANGED;
    },
  };
}

/**
 * What Kysely's dialect takes for a database. A transaction may end without being told to: SQLite rolls it back by
 * itself where the disk is full or fails. Then its statements fail, and rolling it back succeeds, having nothing to do;
 * both would otherwise be taken for something else, with the only connection never given back.
 */
class EmbeddedConnection {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, PreparedStatement>();
  #isOpen = false;
  #beginFailed: unknown;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  prepare(sql: string): PreparedStatement {
    if (sql === "begin") return control(() => this.#begin());
    if (sql === "rollback") return control(() => this.#rollback());
    if (this.#isOpen && !this.#database.isTransaction) throw this.#rolledBack();
    if (sql === "commit") return control(() => this.#commit());
    const prepared = this.#prepared.get(sql) ?? this.#prepare(sql);
    // The one used last is the last to go.
    this.#prepared.delete(sql);
    this.#prepared.set(sql, prepared);
    return prepared;
  }

  close(): void {
    this.#prepared.clear();
    this.#database.close();
  }

  #prepare(sql: string): PreparedStatement {
    const statement: StatementSync = this.#database.prepare(sql);
    const [oldest] = this.#prepared.keys();
    if (this.#prepared.size >= MAX_PREPARED && oldest !== undefined) this.#prepared.delete(oldest);
    return {
      reader: /^\s*(select|pragma|explain|with)/i.test(sql) || /\breturning\b/i.test(sql),
      all: (values) => statement.all(...(values as SQLInputValue[])),
      run: (values) => statement.run(...(values as SQLInputValue[])),
    };
  }

  /** Fails later, by its first statement: Kysely would keep a connection on which it fails itself. */
  #begin(): void {
    this.#isOpen = true;
    this.#beginFailed = undefined;
    try {
      this.#database.exec("begin");
    } catch (error) {
      this.#beginFailed = error;
    }
  }

  #commit(): void {
    this.#database.exec("commit");
    this.#isOpen = false;
  }

  #rollback(): void {
    this.#isOpen = false;
    if (this.#database.isTransaction) this.#database.exec("rollback");
  }

  #rolledBack(): unknown {
    return this.#beginFailed ?? new Error("SQLite has rolled the transaction back.");
  }
}

/** What node:sqlite takes: an integer stays one only as a BigInt. */
function toValue(value: unknown): unknown {
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (value instanceof Date) return BigInt(value.getTime());
  return typeof value === "bigint" || value instanceof Uint8Array ? value : String(value);
}

/** Whether who asks said so. */
function isLong(context: LoggingOptions | undefined): boolean {
  return (context as { isLong?: boolean } | undefined)?.isLong === true;
}

class BoundSqliteConnection extends BaseSqliteConnection {
  readonly #reader = new EmbeddedReader(this.config.get("dbName") as string);

  override async close(force?: boolean): Promise<void> {
    await this.#reader.close();
    await super.close(force);
  }

  override createKyselyDialect(): SqliteDialect {
    const path = this.config.get("dbName") as string;
    return new SqliteDialect({
      database: async () => {
        const { DatabaseSync } = await import("node:sqlite");
        // It waits for nothing: waiting would stop everything else in this process.
        return new EmbeddedConnection(new DatabaseSync(path, { timeout: 0 })) as never;
      },
    });
  }

  // biome-ignore lint/suspicious/noExplicitAny: the result's type is the caller's word
  override async execute<T = any>(
    query: Statement,
    params: readonly unknown[] | Record<string, unknown> = [],
    method: "all" | "get" | "run" = "all",
    ctx?: Transaction,
    loggerContext?: LoggingOptions,
  ): Promise<T> {
    await this.ensureConnection();
    const { sql, values } = bind(this.platform, query, params);
    const run = async () => {
      if (ctx === undefined && method === "all" && isLong(loggerContext)) {
        return (await this.#reader.all({ sql, values: values.map(toValue) })) as T;
      }
      const result = await (ctx ?? this.getClient()).executeQuery(CompiledQuery.raw(sql, values.map(toValue)));
      return this.transformRawResult<T>(result, method);
    };
    return this.executeQuery<T>(sql, run, { ...loggerContext, query: sql, params: values } as never);
  }
}

/** MikroORM's driver for SQLite, over node:sqlite. */
export class EmbeddedDriver extends AbstractSqlDriver<BaseSqliteConnection> {
  constructor(config: Configuration) {
    super(config, new SqlitePlatform(), BoundSqliteConnection, ["kysely"]);
  }
}
