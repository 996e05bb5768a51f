import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** A bad line: each connection through it may be cut when so many bytes have gone up on it. */
export class CuttingProxy {
  readonly url: string;
  /** `http://host:port` of the server behind it; may be changed at any time. */
  target: string;
  /** Bytes that went up in all. */
  sent = 0;
  cuts = 0;
  readonly #server: Server;
  readonly #open = new Set<Socket>();

  private constructor(server: Server, target: string, patience: () => number) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
    this.target = target;
    server.on("connection", (client) => this.#serve(client, patience()));
  }

  /** @param patience how many bytes the next connection takes before it is cut */
  static async start(target: string, patience: () => number): Promise<CuttingProxy> {
    const server = createServer();
    await once(server.listen(0, "127.0.0.1"), "listening");
    return new CuttingProxy(server, target, patience);
  }

  #serve(client: Socket, patience: number): void {
    const { hostname, port } = new URL(this.target);
    const server = connect(Number(port), hostname);
    let left = patience;
    const cut = () => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      this.#open.add(socket);
      socket.on("error", cut).once("close", () => {
        this.#open.delete(socket);
        cut();
      });
    }
    client.on("data", (bytes) => {
      this.sent += bytes.length;
      left -= bytes.length;
      if (left < 0) {
        this.cuts++;
        // What came up to here still arrives.
        server.end(bytes.subarray(0, bytes.length + left));
        client.destroy();
      } else if (!server.write(bytes)) {
        client.pause();
        server.once("drain", () => client.resume());
      }
    });
    server.pipe(client);
  }

  /** Cuts all that is open now. */
  cutAll(): void {
    for (const socket of this.#open) socket.destroy();
  }

  stop(): void {
    this.cutAll();
    this.#server.close();
  }
}
