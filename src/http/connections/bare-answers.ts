import type { Socket } from "node:net";
import { v7 as uuidv7 } from "uuid";
import { RETRY_AFTER_SECONDS } from "../../errors.ts";
import type { CommonHeaders } from "./common-headers.ts";

/** What Node's parser says of a request that it refuses; `rawPacket` is where it failed. */
interface ParserError extends Error {
  code?: string;
  rawPacket?: Buffer;
}

const refusals: Record<string, [status: string, message: string]> = {
  HPE_HEADER_OVERFLOW: ["431 Request Header Fields Too Large", "The request's headers are too large."],
  ERR_HTTP_REQUEST_TIMEOUT: ["408 Request Timeout", "The request's headers took too long to arrive."],
};

/** Answers on a bare socket, where there is no request. */
export class BareAnswers {
  readonly #commonHeaders: CommonHeaders;

  constructor(commonHeaders: CommonHeaders) {
    this.#commonHeaders = commonHeaders;
  }

  /** Refuses what is no request of HTTP/1.1, or doesn't come. */
  readonly onParserError = (error: ParserError, socket: Socket): void => {
    if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
    const origin = /^origin:[ \t]*(\S+)/im.exec(error.rawPacket?.toString("latin1") ?? "")?.[1];
    const [status, message] = refusals[error.code ?? ""] ?? ["400 Bad Request", "This is no HTTP/1.1 request."];
    this.#send(socket, status, { code: "BAD_USER_INPUT", message }, {}, origin);
  };

  /** @param isTheirs whether the address has too many connections, or all together */
  readonly refuseConnection = (socket: Socket, isTheirs: boolean): void => {
    const retry = { "retry-after": `${RETRY_AFTER_SECONDS}` };
    if (isTheirs) {
      const message = "Your address has too many connections open. Close some first.";
      this.#send(socket, "429 Too Many Requests", { code: "RATE_LIMITED", message }, retry);
    } else {
      const message = "The server has too many connections open. Try again.";
      this.#send(socket, "503 Service Unavailable", { code: "SERVICE_UNAVAILABLE", message }, retry);
    }
  };

  readonly refuseTunnel = (socket: Socket, origin: string | undefined): void => {
    const message = "CONNECT is not served: this is no proxy.";
    this.#send(
      socket,
      "405 Method Not Allowed",
      { code: "BAD_USER_INPUT", message },
      { allow: "GET, HEAD, POST" },
      origin,
    );
  };

  #send(
    socket: Socket,
    status: string,
    error: { code: string; message: string },
    more: Record<string, string>,
    origin?: string,
  ): void {
    const requestId = uuidv7();
    const body = JSON.stringify({ ...error, requestId });
    const headers = {
      ...this.#commonHeaders(requestId, origin),
      ...more,
      "content-type": "application/json; charset=utf-8",
      "content-length": String(Buffer.byteLength(body)),
      connection: "close",
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`HTTP/1.1 ${status}\r\n${lines.join("")}\r\n${body}`);
    socket.destroySoon();
  }
}
