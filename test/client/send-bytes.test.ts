import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { buffer } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { fetchSendingBytes } from "../../src/client/node/send-bytes.ts";
import { StowageClient } from "../../src/client/node.ts";

/** More than the buffers of a socket hold. */
const BYTES = new Uint8Array(32 * 1024 * 1024).fill(7);

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

function put(url: string, init: RequestInit = {}): Promise<Response> {
  return fetchSendingBytes(url, { method: "PUT", body: BYTES, ...init });
}

test("bytes: they arrive with their headers, and the answer is a Response", async () => {
  const url = await serve(async (request, response) => {
    const { method, headers } = request;
    const same = (await buffer(request)).equals(BYTES);
    const seen = { method, length: headers["content-length"], own: headers["x-own"], same };
    response
      .writeHead(
        201,
        "Made",
        [
          ["x-twice", "a"],
          ["x-twice", "b"],
        ].flat(),
      )
      .end(JSON.stringify(seen));
  });
  const response = await put(url, { headers: { "x-own": "yes" } });
  expect([response.status, response.statusText, response.headers.get("x-twice")]).toEqual([201, "Made", "a, b"]);
  expect(await response.json()).toEqual({ method: "PUT", length: String(BYTES.length), own: "yes", same: true });
});

test("bytes: one connection serves requests that follow each other", async () => {
  const ports = new Set<number | undefined>();
  const url = await serve((request, response) => {
    ports.add(request.socket.remotePort);
    request.resume().on("end", () => response.end());
  });
  for (let times = 0; times < 3; times++) await (await put(url)).text();
  expect(ports.size).toBe(1);
});

test("bytes: an answer that has no body is one", async () => {
  const url = await serve((request, response) => {
    request.resume().on("end", () => response.writeHead(204).end());
  });
  expect((await put(url)).status).toBe(204);
});

test("bytes: a redirect is not followed", async () => {
  const url = await serve((request, response) => {
    request.resume().on("end", () => response.writeHead(307, { location: "/elsewhere" }).end());
  });
  expect((await put(url)).status).toBe(307);
});

test("bytes: a server that is not there, or cuts the connection, is what fetch calls it", async () => {
  const url = await serve((request) => request.socket.resetAndDestroy());
  await expect(put(url)).rejects.toMatchObject({ name: "TypeError", cause: { code: "ECONNRESET" } });
  const closed = createTcpServer();
  await once(closed.listen(0, "127.0.0.1"), "listening");
  const { port } = closed.address() as AddressInfo;
  closed.close();
  await once(closed, "close");
  const refused = put(`http://127.0.0.1:${port}/`);
  await expect(refused).rejects.toMatchObject({ name: "TypeError", cause: { code: "ECONNREFUSED" } });
});

test("bytes: an answer that is cut off is a failure", async () => {
  const url = await serve((request, response) => {
    request.resume().on("end", () => {
      response.writeHead(200, { "content-length": 100 }).write("only this", () => response.destroy());
    });
  });
  await expect(put(url)).rejects.toThrow(TypeError);
});

test("bytes: an abort closes the connection and rejects with its reason, while sending and while being answered", async () => {
  for (const answers of [false, true]) {
    const reason = new Error("enough");
    const stop = new AbortController();
    let closed = () => {};
    const gone = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const url = await serve((request, response) => {
      request.socket.once("close", closed);
      // A socket that isn't read doesn't notice that it was closed.
      request.resume();
      if (!answers) return stop.abort(reason);
      request.on("end", () => {
        response.writeHead(200, { "content-length": 100 }).write("only this", () => stop.abort(reason));
      });
    });
    await expect(put(url, { signal: stop.signal })).rejects.toBe(reason);
    await gone;
  }
  const never = put("http://127.0.0.1:1/", { signal: AbortSignal.abort("before") });
  await expect(never).rejects.toBe("before");
});

test("bytes: an https URL is spoken to by TLS", async () => {
  let first = (_byte: number | undefined) => {};
  const received = new Promise<number | undefined>((resolve) => {
    first = resolve;
  });
  const server = createTcpServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (data) => {
      first(data[0]);
      socket.destroy();
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  await expect(put(`https://127.0.0.1:${port}/`)).rejects.toThrow(TypeError);
  const HANDSHAKE = 22;
  expect(await received).toBe(HANDSHAKE);
});

test("a client tells where a server redirects to, and doesn't follow", async () => {
  const asked: (string | undefined)[] = [];
  const url = await serve((request, response) => {
    asked.push(request.url);
    request.resume().on("end", () => response.writeHead(301, { location: "https://files.example.org/" }).end());
  });
  const answer = new StowageClient({ url, token: "secret" }).me();
  await expect(answer).rejects.toMatchObject({ code: "UNEXPECTED_ANSWER", status: 301 });
  await expect(answer).rejects.toThrow("301 Moved Permanently, to https://files.example.org/");
  expect(asked).toEqual(["/graphql"]);
});
