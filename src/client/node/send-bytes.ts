import { type ClientRequest, type IncomingMessage, request as requestByHttp } from "node:http";
import { request as requestByHttps } from "node:https";
import { buffer } from "node:stream/consumers";

/** Answers to which there is no body, and a Response takes none. */
const WITHOUT_BODY = new Set([204, 205, 304]);

/**
 * Sends a request like fetch, but for a body of bytes: fetch copies it twice before it sends any, node:http sends it from where it is. So
 * the bytes must stay as they are until this settles. Such a request follows no redirect, and its answer, which should
 * be small, is read before it is handed on: the signal holds for the answer's body as well.
 */
export const fetchSendingBytes: typeof globalThis.fetch = (input, init) => {
  if (typeof input === "string" && init?.body instanceof Uint8Array) return sendBytes(input, init, init.body);
  return fetch(input, init);
};

async function sendBytes(url: string, { method = "GET", headers, signal }: RequestInit, body: Uint8Array) {
  signal?.throwIfAborted();
  const send = url.startsWith("https:") ? requestByHttps : requestByHttp;
  const request = send(url, {
    method,
    headers: { ...Object.fromEntries(new Headers(headers)), "content-length": body.length },
  });
  const abort = () => request.destroy();
  signal?.addEventListener("abort", abort);
  try {
    request.end(body);
    return responseOf(...(await answerTo(request)));
  } catch (cause) {
    signal?.throwIfAborted();
    throw new TypeError("fetch failed", { cause });
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

async function answerTo(request: ClientRequest): Promise<[IncomingMessage, Buffer<ArrayBuffer>]> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    request.once("response", resolve);
    // Also after the answer: a server may close the connection on bytes that it doesn't want.
    request.on("error", reject);
  });
  return [answer, (await buffer(answer)) as Buffer<ArrayBuffer>];
}

function responseOf({ statusCode: status = 0, statusMessage, rawHeaders }: IncomingMessage, body: Buffer<ArrayBuffer>) {
  const headers = new Headers();
  for (let at = 0; at < rawHeaders.length; at += 2) headers.append(rawHeaders[at] ?? "", rawHeaders[at + 1] ?? "");
  return new Response(WITHOUT_BODY.has(status) ? null : body, { status, statusText: statusMessage ?? "", headers });
}
