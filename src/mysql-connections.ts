import type { Socket } from "node:net";
import type { MySqlConnection } from "@mikro-orm/mysql";

type Pool = Awaited<ReturnType<MySqlConnection["getNativeClient"]>>;

/** How long a statement waits for a lock; less than a server that says nothing is waited for. */
const LOCK_WAIT_SECONDS = 5;
/** A statement that runs for longer counts as one that is never answered. */
const SILENCE_MS = 10_000;

/**
 * Sees to it that no statement waits for ever. A server that is paused, or behind a network that is gone, keeps its
 * connections; mysql2 bounds how long connecting takes, but not how long an answer does.
 */
export class MySqlConnections {
  readonly #generations = new WeakMap<object, number>();
  #generation = 0;

  /** @param pool the server's answer may take as long as it likes to what is under way already */
  constructor(pool: Pool) {
    pool.on("acquire", (connection) => {
      const socket = socketOf(connection);
      if (!this.#generations.has(connection)) {
        this.#generations.set(connection, this.#generation);
        // It goes before what the connection was acquired for, and fails only with it.
        connection.query(`set session innodb_lock_wait_timeout = ${LOCK_WAIT_SECONDS}`, () => {});
        socket.on("timeout", () => socket.destroy(silence()));
      }
      socket.setTimeout(SILENCE_MS);
    });
    pool.on("release", (connection) => {
      socketOf(connection).setTimeout(0);
      if (this.#generations.get(connection) !== this.#generation) connection.destroy();
    });
  }

  /** Lets go of the connections as they come back: the server that they lead to is not the one to talk to any more. */
  retire(): void {
    this.#generation++;
  }
}

/** mysql2's types leave it out here. */
function socketOf(connection: object): Socket {
  return (connection as { stream: Socket }).stream;
}

function silence(): Error {
  return Object.assign(new Error(`The database has said nothing for ${SILENCE_MS} ms.`), { code: "ETIMEDOUT" });
}
