import { type ProtocolAnswer, ProtocolRequests } from "./protocol-requests.ts";
import { openRaw, type RawRequest } from "./raw-request.ts";

/** What a client says that speaks the draft's iteration: it is sent interim responses. */
export const INTEROP = { "upload-draft-interop-version": "8" };
const RESUMABLE = "/uploads/resumable";

/** One caller's requests by the IETF's draft, each header by hand. */
export class ResumableRequests extends ProtocolRequests {
  post(complete: "?0" | "?1", body?: Uint8Array, headers: Record<string, string> = {}): Promise<ProtocolAnswer> {
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
  ): Promise<ProtocolAnswer> {
    const own = {
      "content-type": "application/partial-upload",
      "upload-offset": String(offset),
      "upload-complete": complete,
    };
    return this.send("PATCH", path, { ...own, ...headers }, bytes);
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
