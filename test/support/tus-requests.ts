import { createHash } from "node:crypto";
import type { Client } from "./client.ts";
import { type ProtocolAnswer, ProtocolRequests } from "./protocol-requests.ts";
import { openRaw, type RawRequest } from "./raw-request.ts";

/** The tus requests of one caller, each header by hand. */
export class TusRequests extends ProtocolRequests {
  constructor(client: Client) {
    super(client, { "tus-resumable": "1.0.0" });
  }

  /** @returns the upload's path */
  async create(headers: Record<string, string>, body?: Uint8Array): Promise<string> {
    const type: Record<string, string> =
      body === undefined ? {} : { "content-type": "application/offset+octet-stream" };
    const answer = await this.send("POST", "/tus", { ...type, ...headers }, body);
    if (answer.status !== 201) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.headers.get("location") as string;
  }

  append(
    path: string,
    offset: number,
    bytes: Uint8Array,
    headers: Record<string, string> = {},
  ): Promise<ProtocolAnswer> {
    const own = { "upload-offset": String(offset), "content-type": "application/offset+octet-stream" };
    return this.send("PATCH", path, { ...own, ...headers }, bytes);
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
