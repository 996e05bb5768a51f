import type { FastifyRequest } from "fastify";
import { type DestinationStream, type Logger, pino, type SerializedError, stdSerializers } from "pino";
import pretty, { type PrettyOptions } from "pino-pretty";

type RequestLine = ReturnType<typeof describeRequest>;

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

/** A request in the words of its first line and its answer. */
function forTerminal(line: Record<string, unknown>, messageKey: string): string {
  const { req, res, responseTime } = line as { req?: RequestLine; res?: { statusCode: number }; responseTime?: number };
  if (req === undefined) return String(line[messageKey]);
  if (res === undefined) return `${line[messageKey]} (${req.method} ${req.path})`;
  return `${req.method} ${req.path} ${res.statusCode} in ${Math.round(responseTime ?? 0)} ms`;
}

const TERMINAL: PrettyOptions = {
  destination: 2,
  sync: true,
  translateTime: "SYS:HH:MM:ss",
  ignore: "pid,hostname,reqId,req,res,responseTime",
  messageFormat: forTerminal,
};

function standardError(): DestinationStream {
  return process.stderr.isTTY ? pretty(TERMINAL) : pino.destination({ dest: 2, sync: true });
}
