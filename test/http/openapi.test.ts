import { createHash } from "node:crypto";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Client } from "../support/client.ts";
import { startService, type TestService } from "../support/service.ts";

/** Statuses that take a fault or a limit: other tests provoke them. */
const NOT_HERE = new Set(["413", "503", "507"]);
const BYTES = Buffer.from("0123456789");
const CHUNK = 65_536;

interface Documented {
  responses: Record<string, { description: string; content?: Record<string, { schema?: object }> }>;
}
type Paths = Record<string, Record<string, Documented>>;

let service: TestService;
let ada: Client;
/** A key of hers that may do nothing with files. */
let scopeless: Client;
let paths: Paths;
const ajv = new Ajv2020({ strict: false });
/** Each `method path status` that was answered. */
const answered = new Set<string>();

beforeAll(async () => {
  service = await startService("sqlite", { CHUNK_SIZE: String(CHUNK), UPLOAD_EXPIRY: "1h" });
  ada = await service.administrator();
  const create = 'mutation { createApiKey(input: { name: "none", scopes: [ADMIN] }) { token } }';
  scopeless = new Client(service.url, (await ada.data(create)).createApiKey.token);
  paths = ((await (await fetch(`${service.url}/docs/json`)).json()) as { paths: Paths }).paths;
});
afterAll(() => service.stop());

interface Sent {
  headers?: Record<string, string>;
  body?: Buffer | string;
  /** Without a token. */
  nobody?: boolean;
  /** Whether it comes with a key that lacks the scope. */
  lacks?: boolean;
  /** The documentation says that the answer's body is there at other times. */
  isBodyLeftOut?: boolean;
}

/** Sends a request to a documented route, and holds the answer against its documentation. */
async function ask(method: string, route: string, path: string, sent: Sent = {}): Promise<Response> {
  const authorization = sent.nobody === true ? {} : (sent.lacks === true ? scopeless : ada).authorization;
  const response = await fetch(new URL(path, service.url), {
    method,
    headers: { ...authorization, ...sent.headers },
    ...(sent.body !== undefined && { body: new Uint8Array(Buffer.from(sent.body)) }),
  });
  const status = String(response.status);
  const what = `${method} ${route} ${status}`;
  answered.add(what);
  const documented = paths[route]?.[method.toLowerCase()]?.responses[status];
  if (documented === undefined) throw new Error(`${what} is not documented`);
  const content = await response.clone().text();
  const schema = documented.content?.["application/json"]?.schema;
  const isJson = response.headers.get("content-type")?.includes("json") === true;
  if (schema === undefined || method === "HEAD") {
    expect(isJson && method !== "HEAD", `${what} has a body that isn't documented`).toBe(false);
    return response;
  }
  const { type } = schema as { type?: string };
  if (type === "null" || sent.isBodyLeftOut === true) {
    expect(content, what).toBe("");
    return response;
  }
  const body = JSON.parse(content);
  expect(ajv.validate(schema, body), `${what}: ${content} ${ajv.errorsText()}`).toBe(true);
  if (response.status >= 400) expect(documented.description, what).toContain(body.code);
  return response;
}

const digestOf = (bytes: Buffer) => ({
  "content-digest": `sha-256=:${createHash("sha256").update(bytes).digest("base64")}:`,
});

test("the raw chunk route answers as it is documented", async () => {
  const route = "/uploads/{id}/chunks/{index}";
  const { id } = await ada.begin({ filename: "a.bin", size: BYTES.length, chunkSize: CHUNK });
  const put = (path: string, sent: Sent = {}) =>
    ask("PUT", route, path, { body: BYTES, ...sent, headers: { ...sent.headers } });
  const path = `/uploads/${id}/chunks/0`;
  await put(path, { nobody: true });
  await put(path, { lacks: true });
  await put(path, { headers: { "content-encoding": "gzip" } });
  await put(path, { body: "short" });
  await put(path, { headers: digestOf(Buffer.from("other")) });
  await put(`/uploads/${id}/chunks/x`);
  await put(`/uploads/01a219f5-1548-73ae-ac79-b21bf75bb8f2/chunks/0`);
  expect((await put(path, { headers: digestOf(BYTES) })).status).toBe(200);
  await put(path, { body: Buffer.from("9876543210") });
  await ada.abort(id);
  await put(path);
});

test("downloads answer as they are documented", async () => {
  const route = "/files/download/{id}";
  const { id } = await ada.upload("a.bin", BYTES);
  const path = `/files/download/${id}`;
  for (const method of ["GET", "HEAD"]) {
    const etag = (await ask(method, route, path)).headers.get("etag") ?? "";
    await ask(method, route, path, { headers: { "if-none-match": etag } });
    await ask(method, route, path, { headers: { "if-match": '"another"' } });
    await ask(method, route, `${path}?disposition=sideways`);
    await ask(method, route, path, { nobody: true });
    await ask(method, route, path, { lacks: true });
    await ask(method, route, "/files/download/nothing");
  }
  await ask("GET", route, path, { headers: { range: "bytes=1-3" } });
  await ask("GET", route, path, { headers: { range: "bytes=0-1,4-5" } });
  await ask("GET", route, path, { headers: { range: "bytes=100-" } });
});

test("tus answers as it is documented", async () => {
  const tus = { "tus-resumable": "1.0.0" };
  const type = { "content-type": "application/offset+octet-stream" };
  const post = (headers: Record<string, string>, sent: Sent = {}) =>
    ask("POST", "/tus", "/tus", { ...sent, headers: { ...tus, ...headers } });
  const at = (method: string, path: string, headers: Record<string, string> = {}, sent: Sent = {}) =>
    ask(method, "/tus/{id}", path, { ...sent, headers: { ...tus, ...headers } });
  const begin = async (headers: Record<string, string>) => {
    const response = await post(headers);
    expect(response.status).toBe(201);
    return response.headers.get("location") as string;
  };
  await ask("OPTIONS", "/tus", "/tus");
  await post({ "upload-length": "10" }, { nobody: true });
  await post({ "upload-length": "10" }, { lacks: true });
  await post({ "upload-length": "ten" });
  await post({ "upload-length": "10", "tus-resumable": "0.2.2" });
  await post({ "upload-length": "10", "content-type": "text/plain" }, { body: BYTES });
  const wrong = { "upload-checksum": `sha1 ${createHash("sha1").update("other").digest("base64")}` };
  await post({ "upload-length": "10", ...type, ...wrong }, { body: BYTES });
  const part = await begin({ "upload-length": "10", "upload-concat": "partial" });
  await post({ "upload-concat": `final;${part}` });
  await at("DELETE", part);
  await post({ "upload-concat": `final;${part}` });

  const path = await begin({ "upload-length": "10" });
  const patch = (headers: Record<string, string>, sent: Sent = {}) =>
    at("PATCH", path, { ...type, "upload-offset": "0", ...headers }, { body: BYTES.subarray(0, 4), ...sent });
  await patch({}, { nobody: true });
  await patch({ "tus-resumable": "0.2.2" });
  await patch({ "upload-offset": "x" });
  await patch({ "upload-offset": "7" });
  await patch({ "content-type": "text/plain" });
  await patch(wrong);
  expect((await patch({})).status).toBe(204);
  for (const method of ["HEAD", "PATCH", "DELETE"]) {
    const extra = method === "PATCH" ? { ...type, "upload-offset": "0" } : {};
    await at(method, "/tus/01a219f5-1548-73ae-ac79-b21bf75bb8f2", extra);
    await at(method, path, { ...extra, "tus-resumable": "0.2.2" });
    await at(method, path, extra, { nobody: true });
    await at(method, path, extra, { lacks: true });
  }
  expect((await at("HEAD", path)).status).toBe(200);
  expect((await at("DELETE", path)).status).toBe(204);
  for (const method of ["HEAD", "PATCH", "DELETE"]) {
    await at(method, path, method === "PATCH" ? { ...type, "upload-offset": "0" } : {});
  }
  const whole = await begin({ "upload-length": "0", "upload-concat": "partial" });
  const final = await begin({ "upload-concat": `final;${whole}` });
  expect((await at("PATCH", final, { ...type, "upload-offset": "0" })).status).toBe(403);
});

test("resumable uploads answer as they are documented", async () => {
  const route = "/uploads/resumable";
  const post = (headers: Record<string, string>, sent: Sent = {}) => ask("POST", route, route, { ...sent, headers });
  const at = (method: string, path: string, headers: Record<string, string> = {}, sent: Sent = {}) =>
    ask(method, `${route}/{id}`, path, { ...sent, headers });
  const begin = async () => {
    const response = await post({ "upload-complete": "?0", "upload-length": "10" }, { isBodyLeftOut: true });
    expect(response.status).toBe(201);
    return response.headers.get("location") as string;
  };
  await ask("OPTIONS", route, route);
  await post({ "upload-complete": "?1" }, { nobody: true, body: BYTES });
  await post({ "upload-complete": "?1" }, { lacks: true, body: BYTES });
  await post({ "upload-complete": "perhaps" }, { body: BYTES });
  await post({ "upload-complete": "?1", "content-encoding": "gzip" }, { body: BYTES });
  expect((await post({ "upload-complete": "?1" }, { body: BYTES })).status).toBe(201);

  const path = await begin();
  const type = { "content-type": "application/partial-upload" };
  const patch = (
    offset: string,
    complete: string,
    body: Buffer,
    headers: Record<string, string> = {},
    sent: Sent = {},
  ) =>
    at("PATCH", path, { ...type, "upload-offset": offset, "upload-complete": complete, ...headers }, { body, ...sent });
  await patch("0", "?0", BYTES, {}, { nobody: true });
  await patch("7", "?0", BYTES.subarray(7));
  await patch("x", "?0", BYTES);
  await patch("0", "?0", BYTES, { "content-type": "text/plain" });
  expect((await patch("0", "?0", BYTES.subarray(0, 4))).status).toBe(204);
  expect((await at("HEAD", path)).status).toBe(204);
  expect((await patch("4", "?1", BYTES.subarray(4))).status).toBe(201);
  await at("DELETE", path);
  const other = await begin();
  for (const method of ["HEAD", "PATCH", "DELETE"]) {
    const extra = method === "PATCH" ? { ...type, "upload-offset": "0", "upload-complete": "?0" } : {};
    await at(method, `${route}/01a219f5-1548-73ae-ac79-b21bf75bb8f2`, extra);
    await at(method, other, extra, { nobody: true });
    await at(method, other, extra, { lacks: true });
  }
  expect((await at("DELETE", other)).status).toBe(204);
  for (const method of ["HEAD", "PATCH", "DELETE"]) {
    await at(method, other, method === "PATCH" ? { ...type, "upload-offset": "0", "upload-complete": "?0" } : {});
  }
});

test("health answers as it is documented", async () => {
  for (const path of ["/health/live", "/health/ready"]) await ask("GET", path, path);
});

test("every answer that is documented was seen", () => {
  const documented = Object.entries(paths).flatMap(([route, methods]) =>
    Object.entries(methods).flatMap(([method, { responses }]) =>
      Object.keys(responses)
        .filter((status) => !NOT_HERE.has(status))
        .map((status) => `${method.toUpperCase()} ${route} ${status}`),
    ),
  );
  expect(documented.length).toBeGreaterThan(40);
  expect(documented.filter((what) => !answered.has(what))).toEqual([]);
});
