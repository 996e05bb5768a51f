import Fastify, { type FastifyReply, type FastifyRequest } from "fastify";

/** The page's, playground's and documentation's own files, and probes: many, and of interest only where they fail. */
const QUIET_ROUTES = /^\/($|assets\/|altair\/|docs|health\/)/;

function isQuiet(request: FastifyRequest, reply: FastifyReply): boolean {
  return reply.statusCode < 400 && QUIET_ROUTES.test(request.routeOptions.url ?? "");
}

/** Logs a line for each request, when it has been answered. */
export class RequestLog extends Fastify.LogController {
  readonly #enabled: boolean;

  constructor(enabled: boolean) {
    super();
    this.#enabled = enabled;
  }

  override incomingRequest(): void {}

  override requestCompleted(error: Error | null | undefined, request: FastifyRequest, reply: FastifyReply): void {
    const line = { req: request, res: reply, responseTime: reply.elapsedTime };
    if (error) request.log.error({ ...line, err: error }, "request errored");
    else if (this.#enabled) request.log[isQuiet(request, reply) ? "debug" : "info"](line, "request completed");
  }
}
