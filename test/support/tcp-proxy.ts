import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** Forwards connections to a server, byte by byte, until told to do worse. */
export class TcpProxy {
  readonly url: string;
  /** Where connections go that are opened from now on: an origin. */
  target: string;
  /** Bytes that went to the server. */
  bytesUp = 0;
  /** Bytes that came back. */
  bytesDown = 0;
  connections = 0;
  /** Sees what goes to the server; connections are numbered from 1. */
  onUp: ((data: Buffer, connection: number) => void) | undefined;
  onClose: ((connection: number) => void) | undefined;
  /** Changes what comes back, before it is passed on; the position is that in the connection. */
  onDown: ((data: Buffer, position: number, connection: number) => void) | undefined;
  /** Called with `bytesUp` or `bytesDown` when they have grown. */
  onMoved: (() => void) | undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, target: string) {
    this.#server = server;
    this.target = target;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("connection", (client) => this.#forward(client));
  }

  static async start(target: string): Promise<TcpProxy> {
    const server = createServer();
    await once(server.listen(0, "127.0.0.1"), "listening");
    return new TcpProxy(server, target);
  }

  /** Breaks every connection that is open. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  stop(): void {
    this.cut();
    this.#server.close();
  }

  #forward(client: Socket): void {
    const connection = ++this.connections;
    client.once("close", () => this.onClose?.(connection));
    const { hostname, port } = new URL(this.target);
    const server = connect(Number(port), hostname);
    let position = 0;
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.on("end", () => other.end());
      socket.on("drain", () => other.resume());
      socket.on("data", (data) => {
        if (socket === client) {
          this.bytesUp += data.length;
          this.onUp?.(data, connection);
        } else {
          this.bytesDown += data.length;
          this.onDown?.(data, position, connection);
          position += data.length;
        }
        if (!other.write(data)) socket.pause();
        this.onMoved?.();
      });
    }
  }
}
