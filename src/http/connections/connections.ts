import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** A request and its answer, which are over when the answer has left or its connection is gone. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
}

interface Connection {
  current: Exchange | undefined;
  /** Came before the current one was answered (RFC 9112 section 9.3.2). */
  waiting: Exchange[];
}

/** Turns of the event loop: when in so many nothing has come, all that had reached this machine before has been read. */
const READ_TURNS = 10;
const READ_TURN_MS = 10;
/** How long, at the end, what comes is still answered as ever. */
const MOST_ANSWERING_MS = 5_000;

/**
 * The connections of all servers of a process. Each works on one request at a time, and reads no more while others wait: so a
 * connection costs what one request does.
 */
export class Connections {
  readonly #open = new Map<Socket, Connection>();
  #isClosing = false;
  /** Connections and requests up to now. */
  #arrivals = 0;

  /** Passes on the server's requests, each when it is its turn. */
  serve(server: Server, listener: RequestListener): void {
    server.on("connection", (socket: Socket) => {
      this.#arrivals++;
      this.#open.set(socket, { current: undefined, waiting: [] });
      socket.once("close", () => this.#open.delete(socket));
    });
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      const { socket } = request;
      this.#arrivals++;
      const connection = this.#open.get(socket);
      if (connection === undefined) return;
      if (connection.current === undefined) return this.#begin(socket, connection, { request, response }, listener);
      connection.waiting.push({ request, response });
      socket.pause();
    });
  }

  /** What the connection's client waits for. */
  current(socket: Socket): Exchange | undefined {
    return this.#open.get(socket)?.current;
  }

  /** Whether the connection should end with its present answer. */
  isEnding(socket: Socket): boolean {
    return this.#isClosing && this.#open.get(socket)?.waiting.length === 0;
  }

  /**
   * Ends every connection when its requests have been answered, also those that had been sent and not read yet; Node's
   * own close would wait for each that is kept alive.
   * @param patienceMs after so long the rest is cut: what a client can resume needn't be waited for
   */
  async close(patienceMs: number): Promise<void> {
    const deadline = performance.now() + Math.min(patienceMs, MOST_ANSWERING_MS);
    const isWaiting = () => Array.from(this.#open.values()).some(({ waiting }) => waiting.length > 0);
    for (let quiet = 0, seen = this.#arrivals; quiet < READ_TURNS && performance.now() < deadline; quiet++) {
      await sleep(READ_TURN_MS);
      if (seen !== this.#arrivals || isWaiting()) quiet = -1;
      seen = this.#arrivals;
    }
    this.#isClosing = true;
    for (const [socket, { current }] of this.#open) if (current === undefined) socket.destroySoon();
    setTimeout(() => {
      for (const socket of this.#open.keys()) socket.destroy();
    }, patienceMs).unref();
  }

  #begin(socket: Socket, connection: Connection, exchange: Exchange, listener: RequestListener): void {
    connection.current = exchange;
    const { request, response } = exchange;
    response.once("close", () => {
      const next = connection.waiting.shift();
      connection.current = undefined;
      if (socket.destroyed) return;
      if (connection.waiting.length === 0 && socket.isPaused()) socket.resume();
      if (next !== undefined) this.#begin(socket, connection, next, listener);
      else if (this.#isClosing) socket.destroySoon();
    });
    listener(request as never, response as never);
  }
}
