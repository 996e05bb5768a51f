import type { FastifyReply, FastifyRequest } from "fastify";
import { INTEROP_VERSION, integerItem } from "./resumable-headers.ts";

/**
 * Sends `104 Upload Resumption Supported` before a request's answer. Node's own interim responses are 100, 102 and 103
 * only, so this goes to the socket itself; an answer whose turn hasn't come yet in a pipeline has none.
 * @returns false when it wasn't sent: not to HTTP/1.0, to other iterations of the draft, or to who reads nothing
 */
export function sendInterim(request: FastifyRequest, reply: FastifyReply, headers: Record<string, string>): boolean {
  const { socket, headersSent } = reply.raw;
  const isUnderstood =
    request.raw.httpVersion === "1.1" && integerItem(request, "upload-draft-interop-version") === INTEROP_VERSION;
  if (!isUnderstood || headersSent || !socket?.writable || socket.writableNeedDrain) return false;
  const lines = Object.entries({ ...headers, "upload-draft-interop-version": String(INTEROP_VERSION) });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  socket.write(`HTTP/1.1 104 Upload Resumption Supported\r\n${head}\r\n`);
  return true;
}
