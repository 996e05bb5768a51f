import type { FastifyRequest } from "fastify";
import { type DestinationStream, type Logger, pino, type SerializedError, stdSerializers } from "pino";
import pretty from "pino-pretty";

/** Without the query, which may hold a download link's secret. */
function describeRequest(request: FastifyRequest) {
  return { method: request.method, path: request.url.split("?", 1)[0], remoteAddress: request.ip };
}

/** Without a database error's statement: its values are people's data. */
function describeError(error: Error) {
  const { sql: _, ...described } = stdSerializers.errWithCause(error) as SerializedError & { sql?: string };
  return described;
}

/** JSON lines; for a person at a terminal, readable ones. */
export function createLogger(level: string, destination: DestinationStream = standardError()): Logger {
  return pino({ level, serializers: { req: describeRequest, err: describeError } }, destination);
}

function standardError(): DestinationStream {
  return process.stderr.isTTY ? pretty({ destination: 2, sync: true }) : pino.destination({ dest: 2, sync: true });
}
