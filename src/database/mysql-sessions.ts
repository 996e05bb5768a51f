import type { Socket } from "node:net";
import type { Pool } from "mysql2";

/** How long a statement waits for a lock; less than a server that says nothing is waited for. */
const LOCK_WAIT_SECONDS = 5;
/** A statement that runs for longer counts as one that is never answered. */
const SILENCE_MS = 10_000;

/**
 * What statements rest on, whatever the server's own settings or its `init_connect` say: how text and names are quoted,
 * which bytes text is sent in and compared by, what a time means, that values which don't fit are refused, that statements
 * are not committed or cut by themselves, and where a migration makes its tables.
 */
const SETTINGS = [
  "set names utf8mb4 collate utf8mb4_bin",
  `set session ${[
    "sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
    "time_zone = '+00:00'",
    "autocommit = 1",
    "completion_type = 'NO_CHAIN'",
    "foreign_key_checks = 1",
    "unique_checks = 1",
    "sql_safe_updates = 0",
    "sql_select_limit = 18446744073709551615",
    "sql_big_selects = 1",
    "sql_auto_is_null = 0",
    "group_concat_max_len = 1048576",
    "default_storage_engine = 'InnoDB'",
  ].join(", ")}`,
  "set session transaction isolation level repeatable read, read write",
] as const;

type Callback = (error: Error | null, rows?: unknown) => void;
/** What is used of mysql2's, without its many signatures. */
interface Connection {
  query(sql: string, ...rest: unknown[]): unknown;
  execute(sql: string, ...rest: unknown[]): unknown;
}

/**
 * Sees to it that each session means what its statements mean by themselves, that values travel beside them, and that no
 * statement waits for ever: a server that is paused, or behind a network that is gone, keeps its connections; mysql2 bounds
 * how long connecting takes, but not how long an answer does.
 */
export class MySqlSessions {
  readonly #generations = new WeakMap<object, number>();
  #generation = 0;
  #isBounded = false;

  constructor(pool: Pool) {
    pool.on("connection", (pooled) => {
      const connection = pooled as unknown as Connection;
      this.#generations.set(connection, this.#generation);
      const socket = socketOf(connection);
      socket.on("timeout", () => socket.destroy(silence()));
      prepareValues(connection);
      this.#pin(connection);
    });
    pool.on("acquire", (connection) => {
      if (this.#isBounded) socketOf(connection).setTimeout(SILENCE_MS);
    });
    pool.on("release", (connection) => {
      socketOf(connection).setTimeout(0);
      if (this.#generations.get(connection) !== this.#generation) connection.destroy();
    });
  }

  /** Lets no statement wait for long from now on, as a migration may. Connections made before are let go. */
  bound(): void {
    this.#isBounded = true;
    this.retire();
  }

  /** Lets go of the connections as they come back: the server that they lead to is not the one to talk to any more. */
  retire(): void {
    this.#generation++;
  }

  /** Sends the session's settings before all else on a new connection, which ends where they fail. */
  #pin(connection: Connection): void {
    const lockWait = `set session innodb_lock_wait_timeout = ${LOCK_WAIT_SECONDS}`;
    for (const statement of this.#isBounded ? [...SETTINGS, lockWait] : SETTINGS) {
      const onAnswer: Callback = (error) => {
        if (error !== null) socketOf(connection).destroy(refusal(statement, error));
      };
      connection.query(statement, onAnswer);
    }
  }
}

/** Sends statements that have values as prepared ones: mysql2 would write the values into their text. */
function prepareValues(connection: Connection): void {
  const query = connection.query.bind(connection);
  connection.query = (sql: string, ...rest: unknown[]) => {
    const [values] = rest;
    return Array.isArray(values) && values.length > 0 ? connection.execute(sql, ...rest) : query(sql, ...rest);
  };
}

/** mysql2's types leave it out here. */
function socketOf(connection: object): Socket {
  return (connection as { stream: Socket }).stream;
}

function silence(): Error {
  return Object.assign(new Error(`The database has said nothing for ${SILENCE_MS} ms.`), { code: "ETIMEDOUT" });
}

function refusal(statement: string, cause: Error): Error {
  const message = `The database server doesn't take '${statement.slice(0, 60)}…', which Stowage needs: ${cause.message}`;
  return Object.assign(new Error(message, { cause }), { code: "STOWAGE_SESSION_REFUSED" });
}
