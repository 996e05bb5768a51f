import type { Client } from "./client.ts";

export interface ProtocolAnswer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they asked for
  body: any;
}

/** One caller's requests by a protocol of uploads, each header by hand. */
export class ProtocolRequests {
  readonly client: Client;
  readonly #common: Record<string, string>;

  /** @param common headers of every request */
  constructor(client: Client, common: Record<string, string> = {}) {
    this.client = client;
    this.#common = common;
  }

  async send(
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body?: Uint8Array,
  ): Promise<ProtocolAnswer> {
    const response = await fetch(new URL(path, this.client.url), {
      method,
      headers: { ...this.#common, ...this.client.authorization, ...headers },
      ...(body !== undefined && { body: body as Uint8Array<ArrayBuffer> }),
    });
    const content = await response.text();
    return { status: response.status, headers: response.headers, body: content === "" ? null : JSON.parse(content) };
  }

  async offset(path: string): Promise<number> {
    return Number((await this.send("HEAD", path)).headers.get("upload-offset") ?? Number.NaN);
  }
}
