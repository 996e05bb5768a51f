import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { FastifyInstance } from "fastify";

/**
 * Lets close() end with the last request in flight. Node's own would wait on for each connection that is kept alive
 * after it, and for those that have not asked for anything yet.
 */
export function closeGracefully(app: FastifyInstance): void {
  /** How many requests are in flight on each connection. */
  const inFlight = new Map<Socket, number>();
  let closing = false;

  app.server.on("connection", (socket: Socket) => {
    inFlight.set(socket, 0);
    socket.once("close", () => inFlight.delete(socket));
    if (closing) socket.destroy();
  });
  app.server.on("request", ({ socket }: IncomingMessage, response: ServerResponse) => {
    inFlight.set(socket, (inFlight.get(socket) ?? 0) + 1);
    response.once("close", () => {
      const left = (inFlight.get(socket) ?? 1) - 1;
      if (!socket.destroyed) inFlight.set(socket, left);
      if (closing && left === 0) socket.destroySoon();
    });
  });
  app.addHook("preClose", async () => {
    closing = true;
    for (const [socket, requests] of inFlight) if (requests === 0) socket.destroy();
  });
  app.addHook("onSend", async (_request, reply) => {
    if (closing) void reply.header("connection", "close");
  });
}
