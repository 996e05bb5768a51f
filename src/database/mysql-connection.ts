import type { Configuration, LoggingOptions, Transaction } from "@mikro-orm/core";
import { MySqlConnection, MySqlDriver } from "@mikro-orm/mysql";
import { CompiledQuery, MysqlDialect } from "kysely";
import mysql2, { createPool, type Pool, type PoolOptions } from "mysql2";
import { bind, type Statement } from "./bound-statement.ts";
import { MySqlSessions } from "./mysql-sessions.ts";

/** Statements that each connection keeps prepared; the server bounds those of all together, by default at 16,382. */
const MAX_PREPARED = 100;

/** Values travel as parameters of prepared statements, on sessions whose settings are ours. */
export class BoundMySqlConnection extends MySqlConnection {
  #pool: Pool | undefined;
  #sessions: MySqlSessions | undefined;

  get sessions(): MySqlSessions {
    if (this.#sessions === undefined) throw new Error("There is no connection yet.");
    return this.#sessions;
  }

  override async createKyselyDialect(overrides: PoolOptions): Promise<MysqlDialect> {
    const pool = createPool({ ...this.mapOptions(overrides), maxPreparedStatements: MAX_PREPARED });
    this.#pool = pool;
    this.#sessions = new MySqlSessions(pool);
    return new MysqlDialect({ pool: pool as never });
  }

  override async getNativeClient(): Promise<Pool> {
    await this.ensureConnection();
    return this.requireNativeClient(this.#pool);
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
    const toDriver = values.map((value) => this.#toValue(value));
    const run = async () => {
      const result = await (ctx ?? this.getClient()).executeQuery(CompiledQuery.raw(sql, toDriver));
      return this.transformRawResult<T>(result, method);
    };
    return this.executeQuery<T>(sql, run, { ...loggerContext, query: sql, params: values } as never);
  }

  /** What mysql2 takes: without its type, an integer would travel as a floating-point number. */
  #toValue(value: unknown): unknown {
    if (typeof value === "bigint" || Number.isSafeInteger(value)) {
      return mysql2.TypedParameter.BIGINT(value as number | bigint);
    }
    // In the connection's time zone, as text.
    if (value instanceof Date) return this.platform.escape(value).slice(1, -1);
    return typeof value === "number" || value instanceof Uint8Array ? value : String(value);
  }
}

/** MikroORM's driver for MySQL and MariaDB, with bound parameters. */
export class BoundMySqlDriver extends MySqlDriver {
  constructor(config: Configuration) {
    super(config);
    Object.assign(this, { connection: new BoundMySqlConnection(config) });
  }
}
