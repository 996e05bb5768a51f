import type { Client } from "./client.ts";
import { openRaw, type RawRequest } from "./raw-request.ts";

export interface ResumableAnswer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they asked for
  body: any;
}

/** What a client says that speaks the draft's iteration: it is sent interim responses. */
export const INTEROP = { "upload-draft-interop-version": "8" };
const RESUMABLE = "/uploads/resumable";

/** One caller's requests by the IETF's draft, each header by hand. */
export class ResumableRequests {
  readonly client: Client;

  constructor(client: Client) {
    this.client = client;
  }

  async send(
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body?: Uint8Array,
  ): Promise<ResumableAnswer> {
    const response = await fetch(new URL(path, this.client.url), {
      method,
      headers: { ...this.client.authorization, ...headers },
      ...(body !== undefined && { body: body as Uint8Array<ArrayBuffer> }),
    });
    const content = await response.text();
    return { status: response.status, headers: response.headers, body: content === "" ? null : JSON.parse(content) };
  }

  post(complete: "?0" | "?1", body?: Uint8Array, headers: Record<string, string> = {}): Promise<ResumableAnswer> {
    return this.send("POST", RESUMABLE, { "upload-complete": complete, ...headers }, body);
  }

  /** Begins an upload without bytes. @returns its path */
  async create(headers: Record<string, string> = {}): Promise<string> {
    const answer = await this.post("?0", undefined, headers);
    if (answer.status !== 201) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.headers.get("location") as string;
  }

  append(
    path: string,
    offset: number,
    complete: "?0" | "?1",
    bytes: Uint8Array,
    headers: Record<string, string> = {},
  ): Promise<ResumableAnswer> {
    const own = {
      "content-type": "application/partial-upload",
      "upload-offset": String(offset),
      "upload-complete": complete,
    };
    return this.send("PATCH", path, { ...own, ...headers }, bytes);
  }

  async offset(path: string): Promise<number> {
    return Number((await this.send("HEAD", path)).headers.get("upload-offset") ?? Number.NaN);
  }

  /** Sends a POST's head and some bytes on a bare socket. */
  beginPost(headers: Record<string, string>, bytes: Uint8Array | string, version = "1.1"): RawRequest {
    const own = { ...this.client.authorization, ...headers };
    return openRaw(this.client.url, `POST ${RESUMABLE} HTTP/${version}`, own, bytes);
  }

  /** Sends a PATCH's head and some bytes on a bare socket. */
  beginPatch(path: string, headers: Record<string, string>, bytes: Uint8Array | string): RawRequest {
    const own = { ...this.client.authorization, "content-type": "application/partial-upload", ...headers };
    return openRaw(this.client.url, `PATCH ${path} HTTP/1.1`, own, bytes);
  }
}
