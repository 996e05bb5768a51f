import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export type FaultKind =
  /** Answers by itself, without asking the server. */
  | { answer: number; code: string }
  /** Lets the server do it, and cuts the connection instead of passing on its answer. */
  | { lostAnswer: true }
  /** Cuts the connection after so many bytes of the answer's body. */
  | { cutAfter: number }
  /** Flips a bit of the request's body on its way to the server. */
  | { flippedBit: true }
  /** Takes the request and never answers. */
  | { silence: true };

export interface Fault {
  /** Any, where left out. */
  method?: string;
  /** Pattern of the path with its query; any, where left out. */
  matches?: RegExp;
  /** How many requests it still meets; one, where left out. */
  times?: number;
  fault: FaultKind;
}

/** Stands before an HTTP server and harms what goes through, when told so. */
export class FaultProxy {
  readonly url: string;
  /** The first that matches a request meets it. */
  faults: Fault[] = [];
  /** Method and path of each request, in order. */
  readonly requests: string[] = [];
  /** Connections that were ever opened to it. */
  connections = 0;

  private constructor(url: string) {
    this.url = url;
  }

  /**
   * It goes when the test is finished.
   * @param onFinished of the test's own context, where tests run side by side
   */
  static async start(target: string, onFinished: (cleanUp: () => void) => void = onTestFinished): Promise<FaultProxy> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const proxy = new FaultProxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.on("connection", () => proxy.connections++);
    server.on("request", (incoming, response) => proxy.#meet(new URL(target), incoming, response));
    onFinished(() => {
      server.close();
      server.closeAllConnections();
    });
    return proxy;
  }

  #meet(target: URL, incoming: IncomingMessage, response: ServerResponse): void {
    const { method = "", url: path = "" } = incoming;
    this.requests.push(`${method} ${path}`);
    const fault = this.#take(method, path);
    if (fault !== undefined && "silence" in fault) return;
    if (fault !== undefined && "answer" in fault) {
      incoming.resume().once("end", () => {
        response.writeHead(fault.answer, { "content-type": "application/xml" });
        response.end(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>${fault.code}</Code></Error>`);
      });
      return;
    }
    // The Host header stays the proxy's: it was signed.
    const { hostname, port } = target;
    const outgoing = request({ hostname, port, method, path, headers: incoming.headers }, (answer) => {
      if (fault !== undefined && "lostAnswer" in fault) {
        answer.resume().once("end", () => response.destroy());
        return;
      }
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      let left = fault !== undefined && "cutAfter" in fault ? fault.cutAfter : Number.POSITIVE_INFINITY;
      answer.on("data", (data: Buffer) => {
        const passed = data.subarray(0, left);
        left -= passed.length;
        if (left > 0) {
          if (!response.write(passed)) answer.pause();
        } else {
          answer.destroy();
          response.write(passed, () => response.destroy());
        }
      });
      response.on("drain", () => answer.resume());
      answer.on("end", () => response.end());
    });
    outgoing.on("error", () => response.destroy());
    response.on("close", () => outgoing.destroy());
    if (fault !== undefined && "flippedBit" in fault) {
      incoming.once("data", (data: Buffer) => data.writeUInt8(data.readUInt8() ^ 1));
    }
    incoming.pipe(outgoing);
  }

  #take(method: string, path: string): FaultKind | undefined {
    const found = this.faults.find(
      ({ method: wanted = method, matches, times = 1 }) =>
        wanted === method && times > 0 && (matches?.test(path) ?? true),
    );
    if (found !== undefined) found.times = (found.times ?? 1) - 1;
    return found?.fault;
  }
}
