import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { Connections, Exchange } from "./connections.ts";
import { unacknowledgedBytes } from "./send-queue.ts";

/**
 * Destroys connections on which the client is silent for this long: it sends nothing of a request that is awaited, or
 * takes nothing of an answer (that shows after twice as long). A client that waits for us, while we hash or write, is
 * not silent.
 */
export function dropSilentClients(server: Server, connections: Connections, idleTimeoutMs: number): void {
  /** What was unacknowledged at the last timeout. */
  const unacknowledged = new WeakMap<Exchange, string | null>();

  async function takesSomething(socket: Socket, exchange: Exchange): Promise<boolean> {
    if (exchange.response.writableLength === 0) return false;
    const before = unacknowledged.get(exchange);
    const now = await unacknowledgedBytes(socket);
    unacknowledged.set(exchange, now);
    return now !== null && now !== before;
  }

  // With a listener, Node leaves it to us what becomes of the socket.
  server.setTimeout(idleTimeoutMs, async (socket: Socket) => {
    const exchange = connections.current(socket);
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
