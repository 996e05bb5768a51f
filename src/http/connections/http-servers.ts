import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { BareAnswers } from "./bare-answers.ts";
import { ConnectionCounter, type ConnectionLimits } from "./connection-limits.ts";
import { Connections } from "./connections.ts";
import { deferContinue } from "./expectation.ts";
import { dropSilentClients } from "./idle-timeout.ts";

export interface HttpServersOptions {
  /** Milliseconds after which a connection is dropped on which the client neither sends nor takes anything. */
  idleTimeoutMs: number;
  /** Milliseconds that requests in flight get when the service ends. */
  shutdownTimeoutMs: number;
  connectionLimits: ConnectionLimits;
}

const HEADERS_TIMEOUT_MS = 60_000;

/** A server for each address that the host has, all with the same bounds on their connections. */
export class HttpServers {
  readonly connections = new Connections();
  readonly #options: HttpServersOptions;
  readonly #answers: BareAnswers;
  readonly #counter: ConnectionCounter;
  readonly #further: Server[] = [];
  #listener: RequestListener | undefined;

  constructor(options: HttpServersOptions, answers: BareAnswers) {
    this.#options = options;
    this.#answers = answers;
    this.#counter = new ConnectionCounter(options.connectionLimits, answers.refuseConnection);
  }

  /** The first server, for Fastify. */
  readonly create = (listener: RequestListener): Server => {
    this.#listener = listener;
    return this.#create(listener);
  };

  /** Listens at the host's other addresses too, such as `::1` for localhost; passes over those that can't be had. */
  async listenFurther(host: string, { address, port }: AddressInfo): Promise<void> {
    const addresses = await lookup(host, { all: true });
    for (const other of addresses) {
      if (other.address === address || this.#listener === undefined) continue;
      const server = this.#create(this.#listener);
      server.listen(port, other.address);
      await once(server, "listening").then(
        () => this.#further.push(server),
        () => {},
      );
    }
  }

  /** Resolves when nothing new is taken at the further addresses, and what is in flight has a bound. */
  async close(): Promise<void> {
    await this.connections.close(this.#options.shutdownTimeoutMs);
    for (const server of this.#further) server.close();
  }

  #create(listener: RequestListener): Server {
    const { idleTimeoutMs } = this.#options;
    const server = createServer({
      headersTimeout: HEADERS_TIMEOUT_MS,
      keepAliveTimeout: idleTimeoutMs,
      // A slow client may take as long as it likes, as long as it moves.
      requestTimeout: 0,
      // It is checked where the answer has the headers of all others.
      requireHostHeader: false,
    });
    this.#counter.watch(server);
    this.connections.serve(server, listener);
    deferContinue(server);
    dropSilentClients(server, this.connections, idleTimeoutMs);
    server.on("clientError", this.#answers.onParserError);
    server.on("connect", (request: IncomingMessage, socket: Socket) =>
      this.#answers.refuseTunnel(socket, request.headers.origin),
    );
    return server;
  }
}
