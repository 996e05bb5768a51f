import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { unacknowledgedBytes } from "./send-queue.ts";

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  /** What was unacknowledged at the last timeout. */
  unacknowledged?: string | null;
}

/**
 * Destroys connections on which the client is silent for this long: it sends nothing of a request that is awaited, or
 * takes nothing of an answer (that shows after twice as long). A client that waits for us, while we hash or write, is
 * not silent.
 */
export function dropSilentClients(server: Server, idleTimeoutMs: number): void {
  const exchanges = new WeakMap<Socket, Exchange>();
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    exchanges.set(request.socket, { request, response });
    response.once("close", () => exchanges.delete(request.socket));
  });
  // With a listener, Node leaves it to us what becomes of the socket.
  server.setTimeout(idleTimeoutMs, async (socket: Socket) => {
    const exchange = exchanges.get(socket);
    if (exchange !== undefined && (isOurTurn(exchange) || (await takesSomething(socket, exchange)))) {
      socket.setTimeout(idleTimeoutMs);
    } else {
      socket.destroy();
    }
  });
}

function isOurTurn({ request, response }: Exchange): boolean {
  if (response.writableLength > 0) return false;
  const unread = request.readableLength > 0 || request.isPaused();
  return request.complete || unread;
}

async function takesSomething(socket: Socket, exchange: Exchange): Promise<boolean> {
  if (exchange.response.writableLength === 0) return false;
  const before = exchange.unacknowledged;
  exchange.unacknowledged = await unacknowledgedBytes(socket);
  return exchange.unacknowledged !== null && exchange.unacknowledged !== before;
}
