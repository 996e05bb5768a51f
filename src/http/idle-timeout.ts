import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * Destroys connections on which the client is silent for this long: it sends nothing of a request that is awaited, or
 * takes nothing of an answer. A client that waits for us, while we hash or write, is not silent.
 */
export function dropSilentClients(server: Server, idleTimeoutMs: number): void {
  const exchanges = new WeakMap<Socket, { request: IncomingMessage; response: ServerResponse }>();
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    exchanges.set(request.socket, { request, response });
    response.once("close", () => exchanges.delete(request.socket));
  });
  // With a listener, Node leaves it to us what becomes of the socket.
  server.setTimeout(idleTimeoutMs, (socket: Socket) => {
    const exchange = exchanges.get(socket);
    if (exchange === undefined || !isOurTurn(exchange.request, exchange.response)) socket.destroy();
    else socket.setTimeout(idleTimeoutMs);
  });
}

function isOurTurn(request: IncomingMessage, response: ServerResponse): boolean {
  if (response.writableLength > 0) return false;
  const unread = request.readableLength > 0 || request.isPaused();
  return request.complete || unread;
}
