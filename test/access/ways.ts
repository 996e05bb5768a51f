import type { Scope } from "../../src/access/principal.ts";
import type { Client } from "../support/client.ts";

/** What it takes to go a way: nothing, a sign-in, or one of these scopes. */
export type Need = "NOTHING" | "SESSION" | readonly Scope[];

/** What an act is done to. */
export type ObjectKind = "FILE" | "UPLOAD" | "SEQUENTIAL" | "LINK" | "SESSION" | "KEY" | "NODE" | "USER";

/** An answer, as far as it tells who may do what. */
export interface Outcome {
  status: number;
  /** Code of the error; undefined where there is none. */
  code?: unknown;
  needed?: unknown;
  message?: string;
  /** What was found, of a query for one object. */
  found?: unknown;
}

/** An operation of GraphQL, or a method of a route. */
export interface Way {
  needs: Need;
  /** Whether it takes all of the scopes. */
  needsAll?: boolean;
  /** Whether it takes a session besides. */
  needsSession?: boolean;
  on?: ObjectKind;
  ask(client: Client, id: string): Promise<Outcome>;
}

const BYTES = Buffer.from("x");
export const SIZE = BYTES.length;

function graphql(query: string, variables: (id: string) => object = (id) => ({ id })) {
  return async (client: Client, id: string): Promise<Outcome> => {
    const { status, errors, data } = await client.send(query, variables(id) as Record<string, unknown>);
    const [error] = errors ?? [];
    const { code, needed } = (error?.extensions ?? {}) as Record<string, unknown>;
    return { status, code, needed, ...(error && { message: error.message }), found: Object.values(data ?? {})[0] };
  };
}

function rest(method: string, path: (id: string) => string, headers: Record<string, string> = {}, body?: Buffer) {
  return async (client: Client, id: string): Promise<Outcome> => {
    const sent = { ...client.authorization, ...headers };
    const response = await fetch(client.url + path(id), {
      method,
      headers: sent,
      ...(body && { body: new Uint8Array(body) }),
    });
    const text = await response.text();
    const { code, needed, message } = text.startsWith("{") ? JSON.parse(text) : {};
    return response.ok ? { status: response.status } : { status: response.status, code, needed, message };
  };
}

const byId = (operation: string) => graphql(`${operation.replace(/^(\w+) (\w+)/, "$1 ($id: ID!) { $2(id: $id)")} }`);
function someone() {
  const username = `someone-${Math.random().toString(36).slice(2, 12)}`;
  return { username, email: `${username}@example.org`, password: "correct horse" };
}

const UNKNOWN = { login: "nobody", password: "correct horse" };
const tus = { "tus-resumable": "1.0.0" };
const patch = { ...tus, "upload-offset": "0", "content-type": "application/offset+octet-stream" };
const draft = { "upload-complete": "?1", "upload-draft-interop-version": "8" };
const partial = { ...draft, "upload-offset": "0", "content-type": "application/partial-upload" };
const READ = ["FILES_READ"] as const;
const WRITE = ["FILES_WRITE"] as const;
const BOTH = ["FILES_READ", "FILES_WRITE"] as const;
const EITHER = ["FILES_WRITE", "FILES_READ"] as const;
const ADMIN = ["ADMIN"] as const;

/** Every operation and route, and what it takes. */
export const ways: Readonly<Record<string, Way>> = {
  "query me": { needs: "NOTHING", ask: graphql("{ me { id } }") },
  "query file": { needs: READ, on: "FILE", ask: byId("query file { id }") },
  "query files": { needs: READ, ask: graphql("{ files { totalCount } }") },
  "query uploadSession": { needs: EITHER, on: "UPLOAD", ask: byId("query uploadSession { id }") },
  "query uploadSessions": { needs: EITHER, ask: graphql("{ uploadSessions { totalCount } }") },
  "query sessions": { needs: "SESSION", ask: graphql("{ sessions { id } }") },
  "query apiKeys": { needs: "SESSION", ask: graphql("{ apiKeys { id } }") },
  "query storageNodes": { needs: ADMIN, ask: graphql("{ storageNodes { name } }") },
  "query users": { needs: ADMIN, ask: graphql("{ users { totalCount } }") },
  "mutation register": {
    needs: "NOTHING",
    ask: graphql("mutation ($input: RegisterInput!) { register(input: $input) { token } }", () => ({
      input: someone(),
    })),
  },
  "mutation login": {
    needs: "NOTHING",
    ask: async (client, id) => {
      const ask = graphql("mutation ($input: LoginInput!) { login(input: $input) { token } }", () => ({
        input: UNKNOWN,
      }));
      const { code, ...outcome } = await ask(client, id);
      return code === "UNAUTHENTICATED" ? { ...outcome, status: 200 } : { ...outcome, code };
    },
  },
  "mutation logout": { needs: "SESSION", ask: graphql("mutation { logout }") },
  "mutation changePassword": {
    needs: "SESSION",
    ask: graphql("mutation ($input: ChangePasswordInput!) { changePassword(input: $input) }", () => ({
      input: { currentPassword: "correct horse", newPassword: "correct horse", keepOthers: true },
    })),
  },
  "mutation revokeSession": { needs: "SESSION", on: "SESSION", ask: byId("mutation revokeSession") },
  "mutation revokeOtherSessions": { needs: "SESSION", ask: graphql("mutation { revokeOtherSessions }") },
  "mutation createApiKey": {
    needs: "SESSION",
    ask: graphql('mutation { createApiKey(input: { name: "key", scopes: [FILES_READ] }) { token } }'),
  },
  "mutation revokeApiKey": { needs: "SESSION", on: "KEY", ask: byId("mutation revokeApiKey") },
  "mutation beginUpload": {
    needs: WRITE,
    ask: graphql('mutation { beginUpload(input: { filename: "f", size: 1 }) { id } }'),
  },
  "mutation uploadChunk": {
    needs: WRITE,
    on: "UPLOAD",
    async ask(client, id) {
      const { status, errors } = await client.sendChunk(id, 0, BYTES);
      const [error] = errors ?? [];
      return { status, ...error?.extensions, ...(error && { message: error.message }) };
    },
  },
  "mutation completeUpload": {
    needs: WRITE,
    on: "UPLOAD",
    ask: graphql("mutation ($id: ID!) { completeUpload(uploadId: $id) { id } }"),
  },
  "mutation abortUpload": {
    needs: WRITE,
    on: "UPLOAD",
    ask: graphql("mutation ($id: ID!) { abortUpload(uploadId: $id) }"),
  },
  "mutation renameFile": {
    needs: WRITE,
    on: "FILE",
    ask: graphql('mutation ($id: ID!) { renameFile(id: $id, filename: "g") { id } }'),
  },
  "mutation deleteFile": { needs: WRITE, on: "FILE", ask: byId("mutation deleteFile") },
  "mutation createDownloadLink": {
    needs: BOTH,
    needsAll: true,
    on: "FILE",
    ask: graphql("mutation ($id: ID!) { createDownloadLink(fileId: $id) { id } }"),
  },
  "mutation revokeDownloadLink": { needs: WRITE, on: "LINK", ask: byId("mutation revokeDownloadLink") },
  "mutation createUser": {
    needs: ADMIN,
    needsSession: true,
    ask: graphql("mutation ($input: CreateUserInput!) { createUser(input: $input) { id } }", () => ({
      input: someone(),
    })),
  },
  "mutation updateUser": {
    needs: ADMIN,
    needsSession: true,
    on: "USER",
    ask: graphql("mutation ($id: ID!) { updateUser(id: $id, input: { disabled: true }) { id } }"),
  },
  "mutation drainNode": {
    needs: ADMIN,
    on: "NODE",
    ask: graphql("mutation ($id: String!) { drainNode(name: $id) { name } }"),
  },
  "mutation undrainNode": {
    needs: ADMIN,
    on: "NODE",
    ask: graphql("mutation ($id: String!) { undrainNode(name: $id) { name } }"),
  },
  "mutation scrubNode": {
    needs: ADMIN,
    on: "NODE",
    ask: graphql("mutation ($id: String!) { scrubNode(name: $id) { name } }"),
  },
  "mutation rebalanceNodes": { needs: ADMIN, ask: graphql("mutation { rebalanceNodes }") },
  "GET /files/download/{id}": { needs: READ, on: "FILE", ask: rest("GET", (id) => `/files/download/${id}`) },
  "HEAD /files/download/{id}": { needs: READ, on: "FILE", ask: rest("HEAD", (id) => `/files/download/${id}`) },
  "PUT /uploads/{id}/chunks/{index}": {
    needs: WRITE,
    on: "UPLOAD",
    ask: rest("PUT", (id) => `/uploads/${id}/chunks/0`, { "content-type": "application/octet-stream" }, BYTES),
  },
  "OPTIONS /tus": { needs: "NOTHING", ask: rest("OPTIONS", () => "/tus") },
  "POST /tus": { needs: WRITE, ask: rest("POST", () => "/tus", { ...tus, "upload-length": "1" }) },
  "HEAD /tus/{id}": { needs: EITHER, on: "SEQUENTIAL", ask: rest("HEAD", (id) => `/tus/${id}`, tus) },
  "PATCH /tus/{id}": { needs: WRITE, on: "SEQUENTIAL", ask: rest("PATCH", (id) => `/tus/${id}`, patch, BYTES) },
  "DELETE /tus/{id}": { needs: WRITE, on: "SEQUENTIAL", ask: rest("DELETE", (id) => `/tus/${id}`, tus) },
  "POST /uploads/resumable": { needs: WRITE, ask: rest("POST", () => "/uploads/resumable", draft, BYTES) },
  "OPTIONS /uploads/resumable": { needs: "NOTHING", ask: rest("OPTIONS", () => "/uploads/resumable") },
  "HEAD /uploads/resumable/{id}": {
    needs: EITHER,
    on: "SEQUENTIAL",
    ask: rest("HEAD", (id) => `/uploads/resumable/${id}`, draft),
  },
  "PATCH /uploads/resumable/{id}": {
    needs: WRITE,
    on: "SEQUENTIAL",
    ask: rest("PATCH", (id) => `/uploads/resumable/${id}`, partial, BYTES),
  },
  "DELETE /uploads/resumable/{id}": {
    needs: WRITE,
    on: "SEQUENTIAL",
    ask: rest("DELETE", (id) => `/uploads/resumable/${id}`, draft),
  },
  "GET /health/live": { needs: "NOTHING", ask: rest("GET", () => "/health/live") },
  "GET /health/ready": { needs: "NOTHING", ask: rest("GET", () => "/health/ready") },
};
