import { connect, type Socket } from "node:net";

export interface Answer {
  status: number;
  /** Bytes of the body, dropped as they came. */
  length: number;
}

const READ_BUFFER = 1024 * 1024;

/** The least that a load generator needs of HTTP/1.1: a request at a time, answers with a Content-Length or none. */
export class HttpConnection {
  readonly #socket: Socket;
  #head = "";
  #left = -1;
  #answer: Answer | undefined;
  #done: PromiseWithResolvers<Answer> | undefined;
  /** Called with body bytes as they come; returns milliseconds to wait before more is read. */
  onBody: ((bytes: number) => number) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.once("close", () => this.#done?.reject(new Error("The server closed the connection")));
    socket.on("error", () => {});
  }

  static async open(port: number): Promise<HttpConnection> {
    const buffer = Buffer.allocUnsafeSlow(READ_BUFFER);
    let take = (_data: Buffer): void => {};
    const socket = connect({
      host: "127.0.0.1",
      port,
      noDelay: true,
      onread: {
        buffer,
        callback: (length) => {
          take(buffer.subarray(0, length));
          return true;
        },
      },
    });
    const connection = new HttpConnection(socket);
    take = (data) => connection.#take(data);
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return connection;
  }

  request(...pieces: (string | Buffer)[]): Promise<Answer> {
    this.#head = "";
    this.#left = -1;
    this.#done = Promise.withResolvers();
    this.#socket.cork();
    for (const piece of pieces) this.#socket.write(piece);
    this.#socket.uncork();
    return this.#done.promise;
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(data: Buffer): void {
    let body = data.length;
    if (this.#left === -1) {
      this.#head += data.toString("latin1");
      const end = this.#head.indexOf("\r\n\r\n");
      if (end === -1) return;
      const status = Number(/^HTTP\/1\.1 (\d+)/.exec(this.#head)?.[1]);
      body = this.#head.length - end - 4;
      if (status === 100) {
        this.#head = "";
        return;
      }
      this.#left = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#head.slice(0, end + 2))?.[1] ?? 0);
      this.#answer = { status, length: this.#left };
    }
    this.#left -= body;
    const pauseMs = this.onBody?.(body) ?? 0;
    if (pauseMs > 0) {
      this.#socket.pause();
      setTimeout(() => this.#socket.resume(), pauseMs);
    }
    if (this.#left <= 0) this.#done?.resolve(this.#answer as Answer);
  }
}
