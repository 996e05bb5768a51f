import { createHash } from "node:crypto";
import type { Client } from "./client.ts";
import { openRaw, type RawRequest } from "./raw-request.ts";

export interface TusAnswer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they asked for
  body: any;
}

/** The tus requests of one caller, each header by hand. */
export class TusRequests {
  readonly client: Client;

  constructor(client: Client) {
    this.client = client;
  }

  async send(
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body?: Uint8Array,
  ): Promise<TusAnswer> {
    const response = await fetch(new URL(path, this.client.url), {
      method,
      headers: { "tus-resumable": "1.0.0", ...this.client.authorization, ...headers },
      ...(body !== undefined && { body: body as Uint8Array<ArrayBuffer> }),
    });
    const content = await response.text();
    return { status: response.status, headers: response.headers, body: content === "" ? null : JSON.parse(content) };
  }

  /** @returns the upload's path */
  async create(headers: Record<string, string>, body?: Uint8Array): Promise<string> {
    const type: Record<string, string> =
      body === undefined ? {} : { "content-type": "application/offset+octet-stream" };
    const answer = await this.send("POST", "/tus", { ...type, ...headers }, body);
    if (answer.status !== 201) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.headers.get("location") as string;
  }

  append(path: string, offset: number, bytes: Uint8Array, headers: Record<string, string> = {}): Promise<TusAnswer> {
    const own = { "upload-offset": String(offset), "content-type": "application/offset+octet-stream" };
    return this.send("PATCH", path, { ...own, ...headers }, bytes);
  }

  async offset(path: string): Promise<number> {
    return Number((await this.send("HEAD", path)).headers.get("upload-offset") ?? Number.NaN);
  }

  /** Sends a PATCH's head and some bytes on a bare socket. */
  begin(
    path: string,
    offset: number,
    length: number,
    bytes: Uint8Array,
    headers: Record<string, string> = {},
  ): RawRequest {
    return openRaw(
      this.client.url,
      `PATCH ${path} HTTP/1.1`,
      {
        "Tus-Resumable": "1.0.0",
        ...this.client.authorization,
        "Content-Type": "application/offset+octet-stream",
        "Upload-Offset": String(offset),
        "Content-Length": String(length),
        ...headers,
      },
      bytes,
    );
  }
}

export function uploadMetadata(values: Record<string, string>): string {
  return Object.entries(values)
    .map(([key, value]) => `${key} ${Buffer.from(value).toString("base64")}`)
    .join(",");
}

export function uploadChecksum(algorithm: string, bytes: Uint8Array): string {
  return `${algorithm} ${createHash(algorithm).update(bytes).digest("base64")}`;
}

export function idOf(path: string): string {
  return path.split("/").at(-1) as string;
}
