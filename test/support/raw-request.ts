import { connect } from "node:net";

/** A request whose bytes go out one by one as a test wants them to. */
export interface RawRequest {
  /** Status of the answer; rejects when the connection breaks before it. */
  status: Promise<number>;
  /** Resolves when the connection is gone. */
  closed: Promise<void>;
  /** All that has come, interim responses too. */
  received(): string;
  send(bytes: Uint8Array | string): void;
  /** Ends our side. */
  end(): void;
  /** Cuts the connection. */
  reset(): void;
}

/** Sends a request's head and some bytes on a bare socket. */
export function openRaw(
  url: string,
  requestLine: string,
  headers: Record<string, string>,
  bytes: Uint8Array | string,
): RawRequest {
  const { hostname, port } = new URL(url);
  const lines = Object.entries({ host: hostname, ...headers }).map(([name, value]) => `${name}: ${value}`);
  const socket = connect(Number(port), hostname);
  let received = "";
  const status = new Promise<number>((resolve, reject) => {
    socket.on("data", (data) => {
      received += data.toString("latin1");
      const final = /^HTTP\/1\.1 ([2-5]\d\d)/m.exec(received);
      if (final !== null) resolve(Number(final[1]));
    });
    socket.once("close", () => reject(new Error("The connection broke before an answer came.")));
  });
  // A test may not ask for it.
  status.catch(() => {});
  const closed = new Promise<void>((resolve) => void socket.on("error", () => {}).once("close", () => resolve()));
  socket.write(`${[requestLine, ...lines].join("\r\n")}\r\n\r\n`);
  socket.write(bytes);
  return {
    status,
    closed,
    received: () => received,
    send: (more) => void socket.write(more),
    end: () => void socket.end(),
    reset: () => void socket.resetAndDestroy(),
  };
}
