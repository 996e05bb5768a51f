import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { readdir, readlink } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { clientOf } from "../../../src/access/client-address.ts";
import { Client } from "../../support/client.ts";
import { startService, type TestService } from "../../support/service.ts";

const MIB = 1024 ** 2;
const ORIGIN = "https://app.example";

let service: TestService;
let client: Client;
beforeAll(async () => {
  service = await startService("sqlite", { CORS_ORIGINS: ORIGIN });
  client = await Client.register(service.url);
});
afterAll(() => service.stop());

function open(url = service.url): Socket & { received(): string } {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname.replace(/[[\]]/g, ""));
  let received = "";
  socket
    .on("error", () => {})
    .on("data", (data) => {
      received += data.toString("latin1");
    });
  onTestFinished(() => void socket.destroy());
  return Object.assign(socket, { received: () => received });
}

/** Sends a request on a connection of its own and takes all that comes until the server ends it. */
async function exchange(text: string): Promise<string> {
  const socket = open();
  socket.write(text);
  await once(socket, "close");
  return socket.received();
}

async function openBlobs(): Promise<number> {
  const paths = (await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ""));
  return (await Promise.all(paths)).filter((path) => path.startsWith(service.folder) && path.includes("/blobs/"))
    .length;
}

describe("pipelined requests", () => {
  test("that nobody reads cost what one costs, and others are served", async () => {
    const { id } = await client.upload("film", Buffer.alloc(32 * MIB, 1), { chunkSize: 8 * MIB });
    const { file } = await client.data("query ($id: ID!) { file(id: $id) { downloadUrl } }", { id });
    const socket = open();
    socket.pause();
    const get = `GET ${new URL(file.downloadUrl, service.url).pathname} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${client.token}\r\n\r\n`;
    socket.write(get.repeat(2_000));
    await expect.poll(openBlobs).toBeGreaterThan(0);
    for (let i = 0; i < 20; i++) expect((await fetch(`${service.url}/health/ready`)).status).toBe(200);
    expect(await openBlobs()).toBeLessThanOrEqual(2);
  });

  test("are answered in their order, with bodies too", async () => {
    const post = (n: number) => {
      const body = JSON.stringify({ query: `{ n${n}: __typename }` });
      return `POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    };
    const numbers = Array.from({ length: 300 }, (_, n) => n);
    const socket = open();
    socket.write(numbers.map(post).join(""));
    const answered = () => Array.from(socket.received().matchAll(/"n(\d+)":"Query"/g), ([, n]) => Number(n));
    await expect.poll(answered).toEqual(numbers);
  });
});

describe("what can't be routed is refused with the headers of every answer", () => {
  const host = "Host: files.example\r\n";
  const more = `Origin: ${ORIGIN}\r\nConnection: close\r\n\r\n`;
  test.each([
    ["a malformed path", `GET /files/%ZZ HTTP/1.1\r\n${host}${more}`, 400],
    ["a path parameter that is too long", `GET /files/download/${"a".repeat(300)} HTTP/1.1\r\n${host}${more}`, 414],
    ["no HTTP", `GARBAGE\r\n${host}${more}`, 400],
    ["headers that are too large", `GET / HTTP/1.1\r\n${host}X: ${"x".repeat(20_000)}\r\n${more}`, 431],
    ["no Host", `GET /health/live HTTP/1.1\r\n${more}`, 400],
    ["an empty Host", `GET /health/live HTTP/1.1\r\nHost:\r\n${more}`, 400],
    ["a Host with a space", `GET /health/live HTTP/1.1\r\nHost: x y\r\n${more}`, 400],
    ["a Host that is no address", `POST /session HTTP/1.1\r\nHost: [::\r\n${more}`, 400],
    ["two Hosts", `GET /health/live HTTP/1.1\r\n${host}Host: other.example\r\n${more}`, 400],
    ["a path that there isn't", `GET /nowhere HTTP/1.1\r\n${host}${more}`, 404],
    ["a coded body", `POST /tus HTTP/1.1\r\n${host}Transfer-Encoding: gzip, chunked\r\n${more}0\r\n\r\n`, 501],
    ["a tunnel", `CONNECT other.example:443 HTTP/1.1\r\n${host}${more}`, 405],
  ])("%s", async (_name, text, status) => {
    const answer = await exchange(text);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toMatch(/^x-request-id: [\da-f-]{36}\r$/im);
    expect(answer).toMatch(/^x-content-type-options: nosniff\r$/im);
    if (status !== 431) expect(answer).toMatch(/^access-control-allow-origin: https:\/\/app\.example\r$/im);
    expect(JSON.parse(answer.slice(answer.indexOf("\r\n\r\n")))).toMatchObject({ code: expect.any(String) });
    expect(service.log.filter(({ level }) => Number(level) >= 50)).toEqual([]);
  });

  test.each(["files.example", "files.example:4000", "127.0.0.1", "[::1]:4000", "a_b.local"])(
    "Host: %s is taken",
    async (name) => {
      expect(await exchange(`GET /health/live HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`)).toMatch(
        / 200 /,
      );
    },
  );
});

test("an origin that CORS_ORIGINS doesn't name is told of in the log, once", async () => {
  for (let i = 0; i < 3; i++) {
    await fetch(`${service.url}/health/live`, { headers: { origin: "https://other.example" } });
  }
  for (const origin of [ORIGIN, service.url]) await fetch(`${service.url}/health/live`, { headers: { origin } });
  const preflight = { origin: "https://asks-first.example", "access-control-request-method": "POST" };
  for (let i = 0; i < 2; i++) await fetch(`${service.url}/graphql`, { method: "OPTIONS", headers: preflight });
  const told = service.log.filter(({ msg }) => String(msg).includes("CORS_ORIGINS"));
  expect(told).toMatchObject([{ origin: "https://other.example" }, { origin: "https://asks-first.example" }]);
});

describe("Expect: 100-continue", () => {
  const put = (path: string, token: string, type = "application/octet-stream") =>
    `PUT ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Type: ${type}\r\n` +
    `Content-Length: ${64 * MIB}\r\nExpect: 100-continue\r\n\r\n`;
  const path = "/uploads/01a218c4-05a0-7220-9427-a0e0a6c02e94/chunks/0";

  test.each<[string, string | (() => string), number]>([
    ["a bad token", put(path, "bad"), 401],
    ["an upload that there isn't", () => put(path, String(client.token)), 404],
    [
      "a tus upload without a token",
      put("/tus/x", "bad").replace("PUT", "PATCH").replace("Host", "Tus-Resumable: 1.0.0\r\nHost"),
      401,
    ],
    ["a resumable upload without a token", put("/uploads/resumable", "bad").replace("PUT", "POST"), 401],
    ["a sign-in from elsewhere", put("/session", "bad", "application/json").replace("PUT", "POST"), 403],
  ])("%s is refused before the body is asked for", async (_name, text, status) => {
    const answer = await exchange(typeof text === "string" ? text : text());
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toMatch(/^connection: close\r$/im);
  });

  test("a body that is wanted is asked for", async () => {
    const { id } = (
      await client.data("mutation ($input: BeginUploadInput!) { beginUpload(input: $input) { id } }", {
        input: { filename: "f", size: MIB, chunkSize: MIB },
      })
    ).beginUpload;
    const body = Buffer.alloc(MIB, 7);
    const request = httpRequest(`${service.url}/uploads/${id}/chunks/0`, {
      method: "PUT",
      headers: { authorization: `Bearer ${client.token}`, "content-length": MIB, expect: "100-continue" },
    });
    request.flushHeaders();
    await once(request, "continue");
    request.end(body);
    const [response] = await once(request, "response");
    expect(response.statusCode).toBe(200);
    response.resume();
    const json = httpRequest(`${service.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", expect: "100-continue" },
    });
    json.flushHeaders();
    await once(json, "continue");
    json.end('{"query":"{ __typename }"}');
    expect((await once(json, "response"))[0].statusCode).toBe(200);
  });
});

describe("bounds", () => {
  test.concurrent("a body that is parsed has 30 seconds to come", async ({ expect: expects }) => {
    const begun = performance.now();
    const answers = ["POST /graphql", "POST /session"].map(async (line) => {
      const type = "Content-Type: application/json\r\nStowage-Page: 1\r\nSec-Fetch-Site: same-origin\r\n";
      const { hostname, port } = new URL(service.url);
      const socket = connect(Number(port), hostname).on("error", () => {});
      let received = "";
      socket.on("data", (data) => {
        received += data;
      });
      socket.write(`${line} HTTP/1.1\r\nHost: a\r\n${type}Content-Length: 100\r\n\r\n{`);
      const trickle = setInterval(() => socket.write(" "), 1_000);
      await once(socket, "close");
      clearInterval(trickle);
      return received;
    });
    for (const answer of await Promise.all(answers)) {
      expects(answer).toMatch(/^HTTP\/1.1 408 /);
      expects(answer).toContain("longer than 30 seconds");
    }
    expects(performance.now() - begun).toBeGreaterThan(29_000);
  });

  test.concurrent("an address has so many connections, and gets new ones when it closes some", async ({
    expect: expects,
  }) => {
    const other = await startService("sqlite", { MAX_CONNECTIONS_PER_ADDRESS: "5" });
    const { hostname, port } = new URL(other.url);
    const connectOne = () => connect(Number(port), hostname).on("error", () => {});
    const held = [connectOne(), connectOne(), connectOne(), connectOne()];
    await Promise.all(held.map((socket) => once(socket, "connect")));
    const live = async () => {
      const socket = connectOne();
      socket.write("GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
      let received = "";
      for await (const data of socket) received += data;
      return received;
    };
    expects(await live()).toMatch(/^HTTP\/1.1 200 /);
    held.push(connectOne());
    await once(held[4] as Socket, "connect");
    await expects.poll(live).toMatch(/^HTTP\/1.1 429 [\s\S]*RATE_LIMITED/);
    held[0]?.destroy();
    await expects.poll(live).toMatch(/^HTTP\/1.1 200 /);
    for (const socket of held) socket.destroy();
    await other.stop();
  });

  test("an address of IPv6 is its network", () => {
    expect(clientOf("::ffff:192.0.2.7")).toBe("192.0.2.7");
    expect(clientOf("2001:db8:1:2:3:4:5:6")).toBe(clientOf("2001:db8:1:2::9"));
    expect(clientOf("2001:db8:1:3::1")).not.toBe(clientOf("2001:db8:1:2::1"));
    expect(clientOf("::1")).toBe("0:0:0:0::/64");
  });
});

test("a host with two addresses is served and ended at both", async () => {
  const both = await startService("sqlite", { HOST: "localhost", IDLE_TIMEOUT: "2s" });
  const { port } = new URL(both.url);
  const addresses = await lookup("localhost", { all: true });
  const urls = addresses.map(({ address, family }) => `http://${family === 6 ? `[${address}]` : address}:${port}`);
  for (const url of urls) expect((await fetch(`${url}/health/live`)).status).toBe(200);
  const silent = urls.map((url) => open(url));
  for (const socket of silent) {
    socket.write("GET /health/live HTTP/1.1\r\nHost: a\r\n");
    await once(socket, "close");
  }
  const kept = urls.map((url) => open(url));
  await Promise.all(kept.map((socket) => once(socket, "connect")));
  const ended = Promise.all(kept.map((socket) => once(socket, "close")));
  await both.stop();
  await ended;
});

test("requests that had been sent when the end came are answered, and a download that trickles isn't waited for", async () => {
  const ending = await startService("sqlite", { SHUTDOWN_TIMEOUT: "2s" });
  const user = await Client.register(ending.url);
  const { id } = await user.upload("film", Buffer.alloc(32 * MIB, 1), { chunkSize: 8 * MIB });
  const slow = open(ending.url);
  slow.write(`GET /files/download/${id} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${user.token}\r\n\r\n`);
  await expect.poll(slow.received).toMatch(/ 200 /);
  slow.pause();
  const many = Array.from({ length: 50 }, () => open(ending.url));
  await Promise.all(many.map((socket) => once(socket, "connect")));
  for (const socket of many) socket.write("GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3));
  const begun = performance.now();
  await ending.stop();
  expect(performance.now() - begun).toBeLessThan(15_000);
  for (const socket of many) {
    if (!socket.closed) await once(socket, "close");
    expect(socket.received().match(/ 200 /g) ?? socket.received()).toHaveLength(3);
  }
});
