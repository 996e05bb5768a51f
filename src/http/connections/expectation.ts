import type { IncomingMessage, Server, ServerResponse } from "node:http";

const waiting = new WeakMap<IncomingMessage, ServerResponse>();

/** Leaves it to who reads a body when to ask for it: a refusal comes before it (RFC 9110 section 10.1.1). */
export function deferContinue(server: Server): void {
  server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
    waiting.set(request, response);
    server.emit("request", request, response);
  });
  // An expectation that we don't know may be passed over.
  server.on("checkExpectation", (request, response) => server.emit("request", request, response));
}

/** Asks for the body of a client that waits to be asked. */
export function continueBody(request: IncomingMessage): void {
  waiting.get(request)?.writeContinue();
  waiting.delete(request);
}

/** Whether the client hasn't been asked for its body, and may never send it. */
export function awaitsContinue(request: IncomingMessage): boolean {
  return waiting.has(request);
}
