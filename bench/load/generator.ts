import { hash, randomBytes } from "node:crypto";
import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { HttpConnection } from "./http-connection.ts";

/** One request: its head and, where there is a body, `payload` bytes of noise between two strings. */
export interface LoadRequest {
  head: string;
  before?: string;
  payload?: number;
  after?: string;
  /** The answer's status has to be one of these. */
  expect: number[];
}

export interface Load {
  port: number;
  /** A list for each connection, sent one after the other. */
  connections: LoadRequest[][];
  /** Bytes a second that each connection takes of its answers; as fast as it can where it is left out. */
  slowdown?: number;
  /** A file that the payloads are read from, in order, and hashed for a Content-Digest, as a client does; else noise. */
  path?: string;
}

export interface LoadResult {
  seconds: number;
  /** CPU seconds of this process. */
  cpuSeconds: number;
  /** Bytes of payloads sent and of bodies received. */
  bytes: number;
  requests: number;
}

const noise = new Map<number, Buffer>();

function payloadOf(size: number): Buffer {
  const known = noise.get(size) ?? randomBytes(size);
  noise.set(size, known);
  return known;
}

function piecesOf({ head, before = "", payload = 0, after = "" }: LoadRequest): (string | Buffer)[] {
  if (payload === 0) return [`${head}\r\n${before}${after}`];
  const length = Buffer.byteLength(before) + payload + Buffer.byteLength(after);
  return [`${head}Content-Length: ${length}\r\n\r\n${before}`, payloadOf(payload), after];
}

/** What replaces each payload by a piece of the file, in one buffer for each connection. */
async function readFrom(path: string) {
  const file = await open(path);
  let position = 0;
  return async (request: LoadRequest, buffer: Buffer): Promise<(string | Buffer)[]> => {
    const at = position;
    position += buffer.length;
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    const digest = hash("sha256", buffer.subarray(0, bytesRead), "base64");
    return [`${request.head}Content-Digest: sha-256=:${digest}:\r\nContent-Length: ${bytesRead}\r\n\r\n`, buffer];
  };
}

async function run({ port, connections, slowdown, path }: Load): Promise<LoadResult> {
  for (const { payload = 0 } of connections.flat()) if (payload > 0) payloadOf(payload);
  const read = path === undefined ? undefined : await readFrom(path);
  const opened = await Promise.all(connections.map(() => HttpConnection.open(port)));
  const cpu = process.cpuUsage();
  const start = performance.now();
  let bytes = 0;
  const work = connections.map(async (requests, index) => {
    const connection = opened[index] as HttpConnection;
    const buffer = Buffer.allocUnsafeSlow(requests[0]?.payload ?? 0);
    if (slowdown !== undefined) connection.onBody = (length) => (length / slowdown) * 1000;
    for (const request of requests) {
      const answer = await connection.request(...((await read?.(request, buffer)) ?? piecesOf(request)));
      if (!request.expect.includes(answer.status)) {
        throw new Error(`${request.head.split("\r\n")[0]} was answered with ${answer.status}`);
      }
      bytes += (request.payload ?? 0) + answer.length;
    }
  });
  await Promise.all(work);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  // @tus/server dies of a client that closes right after the last byte.
  await sleep(200);
  for (const connection of opened) connection.close();
  return { seconds, cpuSeconds: (user + system) / 1e6, bytes, requests: connections.flat().length };
}

process.on("message", (load: Load) => {
  run(load).then(
    (result) => process.send?.(result),
    (error) => process.send?.({ error: String(error) }),
  );
});
