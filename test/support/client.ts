import { createHash } from "node:crypto";

export interface GraphQLErrorBody {
  message: string;
  path?: (string | number)[];
  extensions: { code: string; requestId?: string; [fact: string]: unknown };
}

export interface GraphQLAnswer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they asked for
  data: any;
  errors?: GraphQLErrorBody[];
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** `File.digest` as the contract defines it. */
export function fileDigest(bytes: Uint8Array, chunkSize: number): string {
  const hash = createHash("sha256");
  for (let start = 0; start < bytes.length; start += chunkSize) {
    hash.update(
      createHash("sha256")
        .update(bytes.subarray(start, start + chunkSize))
        .digest(),
    );
  }
  return hash.digest("hex");
}

const SESSION = "id status receivedChunks receivedBytes totalChunks chunkSize size missing { first last }";

export interface BeginInput {
  filename: string;
  size: number;
  contentType?: string;
  chunkSize?: number;
  resumeKey?: string;
  client?: string;
}

/** A caller of the GraphQL API over HTTP, with or without a token. */
export class Client {
  readonly url: string;
  token: string | undefined;

  constructor(url: string, token?: string) {
    this.url = url;
    this.token = token;
  }

  get authorization(): Record<string, string> {
    return this.token === undefined ? {} : { authorization: `Bearer ${this.token}` };
  }

  async send(query: string, variables: Record<string, unknown> = {}): Promise<GraphQLAnswer> {
    const response = await fetch(`${this.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", ...this.authorization },
      body: JSON.stringify({ query, variables }),
    });
    return { status: response.status, ...((await response.json()) as Omit<GraphQLAnswer, "status">) };
  }

  /** The data; throws when there were errors. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they asked for
  async data(query: string, variables: Record<string, unknown> = {}): Promise<any> {
    return dataOf(await this.send(query, variables));
  }

  /** The first error's extensions; throws when there was none. */
  async failure(query: string, variables: Record<string, unknown> = {}): Promise<GraphQLErrorBody["extensions"]> {
    return failureOf(await this.send(query, variables));
  }

  static async register(url: string, username = `user-${Math.random().toString(36).slice(2, 12)}`): Promise<Client> {
    const client = new Client(url);
    const input = { username, email: `${username}@example.org`, password: "correct horse" };
    const data = await client.data("mutation ($input: RegisterInput!) { register(input: $input) { token } }", {
      input,
    });
    client.token = data.register.token;
    return client;
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests read what they asked for
  async begin(input: BeginInput): Promise<any> {
    const query = `mutation ($input: BeginUploadInput!) { beginUpload(input: $input) { ${SESSION} } }`;
    return (await this.data(query, { input })).beginUpload;
  }

  async sendChunk(uploadId: string, index: number, bytes: Uint8Array, digest?: string): Promise<GraphQLAnswer> {
    const query = `mutation ($id: ID!, $index: Int!, $chunk: Upload!, $sha256: String) {
      uploadChunk(uploadId: $id, index: $index, chunk: $chunk, sha256: $sha256) { ${SESSION} }
    }`;
    const form = new FormData();
    form.set("operations", JSON.stringify({ query, variables: { id: uploadId, index, chunk: null, sha256: digest } }));
    form.set("map", JSON.stringify({ 0: ["variables.chunk"] }));
    form.set("0", new Blob([bytes as Uint8Array<ArrayBuffer>]), "chunk");
    const response = await fetch(`${this.url}/graphql`, {
      method: "POST",
      headers: { "apollo-require-preflight": "true", ...this.authorization },
      body: form,
    });
    return { status: response.status, ...((await response.json()) as Omit<GraphQLAnswer, "status">) };
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests read what they asked for
  async session(id: string): Promise<any> {
    return (await this.data(`query ($id: ID!) { uploadSession(id: $id) { ${SESSION} } }`, { id })).uploadSession;
  }

  complete(uploadId: string, digest?: string): Promise<GraphQLAnswer> {
    const query = `mutation ($id: ID!, $digest: String) {
      completeUpload(uploadId: $id, digest: $digest) { id filename contentType size digest totalChunks downloadUrl createdAt completedAt }
    }`;
    return this.send(query, { id: uploadId, digest });
  }

  abort(uploadId: string): Promise<GraphQLAnswer> {
    return this.send("mutation ($id: ID!) { abortUpload(uploadId: $id) }", { id: uploadId });
  }

  deleteFile(id: string): Promise<GraphQLAnswer> {
    return this.send("mutation ($id: ID!) { deleteFile(id: $id) }", { id });
  }

  /** Uploads these bytes as a file, chunk by chunk. */
  async upload(filename: string, bytes: Uint8Array, options: Partial<BeginInput> = {}) {
    const session = await this.begin({ filename, size: bytes.length, ...options });
    for (let index = 0; index < session.totalChunks; index++) {
      const start = index * session.chunkSize;
      dataOf(await this.sendChunk(session.id, index, bytes.subarray(start, start + session.chunkSize)));
    }
    return dataOf(await this.complete(session.id)).completeUpload;
  }

  download(id: string, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`${this.url}/files/download/${id}`, { headers: { ...this.authorization, ...headers } });
  }
}

// biome-ignore lint/suspicious/noExplicitAny: tests read what they asked for
export function dataOf(answer: GraphQLAnswer): any {
  if (answer.errors) throw new Error(JSON.stringify(answer.errors));
  return answer.data;
}

export function failureOf(answer: GraphQLAnswer): GraphQLErrorBody["extensions"] {
  const [error] = answer.errors ?? [];
  if (error === undefined) throw new Error(`There was no error but ${JSON.stringify(answer.data)}`);
  return error.extensions;
}
