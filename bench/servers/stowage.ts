import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../test/support/mysql-server.ts";
import type { LoadRequest } from "../load/generator.ts";
import { CHUNK, deal, type Server, start } from "./server.ts";

const UPLOAD_CHUNK = "mutation($id:ID!,$i:Int!,$c:Upload!){uploadChunk(uploadId:$id,index:$i,chunk:$c){receivedBytes}}";
const BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW7";

export interface StowageOptions {
  name: string;
  /** How chunks are sent. */
  route: "graphql" | "raw" | "tus";
  settings?: Record<string, string>;
  /** The folder of the checkout whose build runs; this one when left out. */
  root?: string;
}

/** Another version to measure beside this one: a checkout that was built. */
const AGAINST = process.env["BENCH_AGAINST"];

/** The same server of the other version, where there is one. */
export function startOtherStowage(folder: string, options: StowageOptions): (() => Promise<Server>)[] {
  if (AGAINST === undefined) return [];
  return [() => startStowage(folder, { ...options, name: `${options.name}, other version`, root: AGAINST })];
}

export async function startStowage(
  folder: string,
  { name, route, settings = {}, root = "." }: StowageOptions,
): Promise<Server> {
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  const env = {
    PORT: String(port),
    DATABASE_URL: `sqlite:${join(folder, "metadata.sqlite")}`,
    STORAGE_NODES: `node1=file:${join(folder, "node1")},node2=file:${join(folder, "node2")}`,
    LOG_LEVEL: "error",
    DURABILITY: "os",
    MALLOC_ARENA_MAX: "1",
    ...settings,
  };
  // As `npm start` does.
  const server = await start(
    process.execPath,
    ["--max-semi-space-size=2", join(root, "dist/programs/server.js")],
    port,
    env,
  );
  const opened: string[] = [];
  /** Blobs of files that stay. */
  let kept = 0;
  const blobs = async () => {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile() && entry.name.length === 36).length;
  };
  let token = "";
  // biome-ignore lint/suspicious/noExplicitAny: whatever was asked for
  async function graphql(query: string): Promise<any> {
    const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
    const body = JSON.stringify({ query });
    const answer = await fetch(`http://127.0.0.1:${port}/graphql`, { method: "POST", headers, body });
    const { data, errors } = (await answer.json()) as { data: unknown; errors?: unknown };
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  }
  const input = '{username: "bench", email: "bench@example.org", password: "correct horse"}';
  token = (await graphql(`mutation { register(input: ${input}) { token } }`)).register.token;

  async function begin(size: number): Promise<string> {
    const { beginUpload } = await graphql(
      `mutation { beginUpload(input: {filename: "bench", size: ${size}, chunkSize: ${CHUNK}}) { id } }`,
    );
    opened.push(beginUpload.id);
    return beginUpload.id;
  }

  const tusHeaders = () => ({ "tus-resumable": "1.0.0", authorization: `Bearer ${token}` });

  /** Uploads by tus, one for each connection, as its bytes come in order. */
  async function tusUpload(chunks: number): Promise<LoadRequest[]> {
    const headers = { ...tusHeaders(), "upload-length": String(chunks * CHUNK) };
    const answer = await fetch(`http://127.0.0.1:${port}/tus`, { method: "POST", headers });
    const path = answer.headers.get("location");
    if (path === null) throw new Error(await answer.text());
    opened.push(path.split("/").at(-1) as string);
    return Array.from({ length: chunks }, (_, index) => ({
      head: `PATCH ${path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ${token}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: ${index * CHUNK}\r\nContent-Type: application/offset+octet-stream\r\n`,
      payload: CHUNK,
      expect: [204],
    }));
  }

  /** The last byte has completed an upload by tus: it is a file. */
  async function letGo(id: string): Promise<void> {
    if (route !== "tus") return graphql(`mutation { abortUpload(uploadId: "${id}") }`);
    const answer = await fetch(`http://127.0.0.1:${port}/tus/${id}`, { method: "DELETE", headers: tusHeaders() });
    if (!answer.ok) throw new Error(await answer.text());
  }

  function chunkRequest(id: string, index: number): LoadRequest {
    const common = `Host: bench\r\nAuthorization: Bearer ${token}\r\n`;
    if (route === "raw") {
      return { head: `PUT /uploads/${id}/chunks/${index} HTTP/1.1\r\n${common}`, payload: CHUNK, expect: [200] };
    }
    const operations = JSON.stringify({ query: UPLOAD_CHUNK, variables: { id, i: index, c: null } });
    const field = (fieldName: string, value: string) =>
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${fieldName}"\r\n\r\n${value}\r\n`;
    return {
      head: `POST /graphql HTTP/1.1\r\n${common}Apollo-Require-Preflight: true\r\nContent-Type: multipart/form-data; boundary=${BOUNDARY}\r\n`,
      before: `${field("operations", operations)}${field("map", '{"0":["variables.c"]}')}--${BOUNDARY}\r\nContent-Disposition: form-data; name="0"; filename="chunk"\r\nContent-Type: application/octet-stream\r\n\r\n`,
      payload: CHUNK,
      after: `\r\n--${BOUNDARY}--\r\n`,
      expect: [200],
    };
  }

  return {
    name,
    port,
    pid: server.pid,
    token,
    stop: server.stop,
    async uploads(connections, chunks) {
      if (route === "tus") {
        const each = Math.ceil(chunks / connections);
        return await Promise.all(Array.from({ length: connections }, () => tusUpload(each)));
      }
      const id = await begin(chunks * CHUNK);
      return deal(
        Array.from({ length: chunks }, (_, index) => chunkRequest(id, index)),
        connections,
      );
    },
    async clean() {
      for (const id of opened.splice(0)) await letGo(id);
      // The freeing goes on in the background: wait, lest it be counted where it doesn't belong.
      while ((await blobs()) > kept) await sleep(50);
    },
    async fileOf(size) {
      const chunks = Math.ceil(size / CHUNK);
      const id = await begin(chunks * CHUNK);
      opened.pop();
      kept += chunks;
      const body = Buffer.alloc(CHUNK, "stowage ");
      for (let index = 0; index < chunks; index++) {
        const url = `http://127.0.0.1:${port}/uploads/${id}/chunks/${index}`;
        const answer = await fetch(url, { method: "PUT", headers: { authorization: `Bearer ${token}` }, body });
        if (!answer.ok) throw new Error(await answer.text());
      }
      await graphql(`mutation { completeUpload(uploadId: "${id}") { id } }`);
      return { head: `GET /files/download/${id} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ${token}\r\n` };
    },
  };
}
