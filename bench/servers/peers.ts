import { existsSync } from "node:fs";
import { mkdir, open, readdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { freePort } from "../../test/support/mysql-server.ts";
import type { LoadRequest } from "../load/generator.ts";
import { CHUNK, deal, type Server, start } from "./server.ts";

const BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW7";

function script(name: string): string {
  return resolve("bench/servers", name);
}

/** @param kept the beginning of the names that stay */
async function empty(folder: string, kept?: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (kept === undefined || !name.startsWith(kept)) await rm(join(folder, name), { recursive: true });
  }
}

async function writeNoise(path: string, size: number): Promise<void> {
  const file = await open(path, "w");
  for (let written = 0; written < size; written += CHUNK) await file.write(Buffer.alloc(CHUNK, "stowage "));
  await file.close();
}

/** graphql-upload-ts as it is, before Apollo Server. */
export async function startStockUpload(folder: string): Promise<Server> {
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  const server = await start(process.execPath, [script("stock-upload-process.ts"), folder, String(port)], port);
  const operations = '{"query":"mutation($f:Upload!){upload(file:$f)}","variables":{"f":null}}';
  const field = (name: string, value: string) =>
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const request: LoadRequest = {
    head: `POST / HTTP/1.1\r\nHost: bench\r\nApollo-Require-Preflight: true\r\nContent-Type: multipart/form-data; boundary=${BOUNDARY}\r\n`,
    before: `${field("operations", operations)}${field("map", '{"0":["variables.f"]}')}--${BOUNDARY}\r\nContent-Disposition: form-data; name="0"; filename="chunk"\r\nContent-Type: application/octet-stream\r\n\r\n`,
    payload: CHUNK,
    after: `\r\n--${BOUNDARY}--\r\n`,
    expect: [200],
  };
  return {
    name: "graphql-upload-ts",
    port,
    pid: server.pid,
    stop: server.stop,
    uploads: async (connections, chunks) => deal(Array<LoadRequest>(chunks).fill(request), connections),
    clean: () => empty(folder),
  };
}

/** What Node's HTTP server can do at most, with nothing around it. */
export async function startFloor(
  folder: string,
  mode: "drop" | "hash" | "write",
  flags: string[] = [],
): Promise<Server> {
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  const args = [...flags, script("floor-process.ts"), folder, String(port), mode];
  const server = await start(process.execPath, args, port);
  const names = { drop: "Node, body dropped", hash: "Node, SHA-256", write: "Node, SHA-256 and written" };
  const request: LoadRequest = { head: "PUT / HTTP/1.1\r\nHost: bench\r\n", payload: CHUNK, expect: [200] };
  return {
    name: flags.length > 0 ? `${names[mode]}, small young generation` : names[mode],
    port,
    pid: server.pid,
    stop: server.stop,
    uploads: async (connections, chunks) => deal(Array<LoadRequest>(chunks).fill(request), connections),
    clean: () => empty(folder),
  };
}

/** @tus/server with @tus/file-store: each connection appends to an upload of its own. */
export async function startTus(folder: string): Promise<Server> {
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  const server = await start(process.execPath, [script("tus-process.ts"), folder, String(port)], port);
  let kept: string | undefined;
  const create = async (size: number) => {
    const headers = { "tus-resumable": "1.0.0", "upload-length": String(size) };
    const answer = await fetch(`http://127.0.0.1:${port}/files`, { method: "POST", headers });
    return new URL(answer.headers.get("location") ?? "", `http://127.0.0.1:${port}`).pathname;
  };
  const patch = (path: string, offset: number): LoadRequest => ({
    head: `PATCH ${path} HTTP/1.1\r\nHost: bench\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: ${offset}\r\nContent-Type: application/offset+octet-stream\r\n`,
    payload: CHUNK,
    expect: [204],
  });
  return {
    name: "@tus/server",
    port,
    pid: server.pid,
    stop: server.stop,
    async uploads(connections, chunks) {
      const each = Math.ceil(chunks / connections);
      const paths = await Promise.all(Array.from({ length: connections }, () => create(each * CHUNK)));
      return paths.map((path) => Array.from({ length: each }, (_, index) => patch(path, index * CHUNK)));
    },
    clean: () => empty(folder, kept),
    async fileOf(size) {
      const path = await create(size);
      kept = path.split("/").at(-1);
      for (let offset = 0; offset < size; offset += CHUNK) {
        const headers = {
          "tus-resumable": "1.0.0",
          "upload-offset": String(offset),
          "content-type": "application/offset+octet-stream",
        };
        const body = Buffer.alloc(Math.min(CHUNK, size - offset), "stowage ");
        await fetch(`http://127.0.0.1:${port}${path}`, { method: "PATCH", headers, body });
      }
      return { head: `GET ${path} HTTP/1.1\r\nHost: bench\r\n` };
    },
  };
}

/** A Node server that pipes createReadStream. */
export async function startReadStream(folder: string): Promise<Server> {
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  const server = await start(process.execPath, [script("read-stream-process.ts"), folder, String(port)], port);
  return {
    name: "createReadStream",
    port,
    pid: server.pid,
    stop: server.stop,
    async fileOf(size) {
      await writeNoise(join(folder, "file"), size);
      return { head: "GET /file HTTP/1.1\r\nHost: bench\r\n" };
    },
  };
}

export function nginxPath(): string | undefined {
  return ["/usr/sbin/nginx", "/usr/bin/nginx"].find(existsSync);
}

/** nginx with its DAV module: PUT and GET of plain files. */
export async function startNginx(folder: string, { workers = 1, sendfile = false } = {}): Promise<Server> {
  const files = join(folder, "files");
  await mkdir(join(folder, "tmp"), { recursive: true });
  await mkdir(files, { recursive: true });
  const port = await freePort();
  const path = join(folder, "nginx.conf");
  await writeFile(
    path,
    `daemon off; worker_processes ${workers}; pid ${folder}/pid; error_log stderr error;
     ${process.getuid?.() === 0 ? "user root;" : ""}
     events { worker_connections 1024; }
     http {
       access_log off; sendfile ${sendfile ? "on" : "off"}; output_buffers 2 1m; client_max_body_size 0;
       client_body_temp_path ${folder}/tmp; proxy_temp_path ${folder}/tmp; fastcgi_temp_path ${folder}/tmp;
       uwsgi_temp_path ${folder}/tmp; scgi_temp_path ${folder}/tmp; client_body_buffer_size 1m;
       server { listen 127.0.0.1:${port}; root ${files}; location / { dav_methods PUT DELETE; } }
     }`,
  );
  const server = await start(nginxPath() as string, ["-c", path], port);
  let count = 0;
  return {
    name: sendfile ? "nginx, sendfile" : "nginx",
    port,
    pid: server.pid,
    stop: server.stop,
    async uploads(connections, chunks) {
      const request = (): LoadRequest => ({
        head: `PUT /put-${count++} HTTP/1.1\r\nHost: bench\r\n`,
        payload: CHUNK,
        expect: [201, 204],
      });
      return deal(Array.from({ length: chunks }, request), connections);
    },
    async clean() {
      for (const name of await readdir(files)) if (name.startsWith("put-")) await rm(join(files, name));
    },
    async fileOf(size) {
      await writeNoise(join(files, "file"), size);
      return { head: "GET /file HTTP/1.1\r\nHost: bench\r\n" };
    },
  };
}
