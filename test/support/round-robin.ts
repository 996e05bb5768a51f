import { once } from "node:events";
import { createServer, request, type Server } from "node:http";

/** A plain HTTP proxy: each request goes to the next of the servers, on a connection of its own, dead or alive. */
export class RoundRobin {
  readonly url: string;
  /** Where requests go to, in turn; may be changed at any time. */
  readonly targets: string[];
  /** How many requests each of the targets has answered. */
  readonly answered = new Map<string, number>();
  readonly #server: Server;

  private constructor(server: Server, targets: string[]) {
    this.#server = server;
    this.targets = targets;
    this.url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
    let turn = 0;
    server.on("request", (incoming, outgoing) => {
      const target = targets[turn++ % targets.length] as string;
      const { method = "GET" } = incoming;
      const forwarded = request(`${target}${incoming.url}`, { method, headers: incoming.headers, agent: false });
      // Whoever's connection breaks, the other's does too: nothing is tried again here.
      forwarded.on("error", () => outgoing.destroy());
      incoming.on("error", () => forwarded.destroy());
      forwarded.on("response", (response) => {
        this.answered.set(target, (this.answered.get(target) ?? 0) + 1);
        // How long the server would keep its connection says nothing of ours.
        const { connection: _, "keep-alive": __, ...headers } = response.headers;
        outgoing.writeHead(response.statusCode ?? 502, headers);
        response.on("error", () => outgoing.destroy());
        response.pipe(outgoing);
      });
      incoming.pipe(forwarded);
    });
  }

  static async start(targets: string[]): Promise<RoundRobin> {
    // No connection is closed at a moment when its client may be sending the next request.
    const server = createServer({ requestTimeout: 0, keepAliveTimeout: 0 });
    await once(server.listen(0, "127.0.0.1"), "listening");
    return new RoundRobin(server, targets);
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
