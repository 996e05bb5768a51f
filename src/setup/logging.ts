import { Writable } from "node:stream";
import type { FastifyRequest } from "fastify";
import { type DestinationStream, type Logger, pino, type SerializedError, stdSerializers } from "pino";
import pretty, { type PrettyOptions } from "pino-pretty";
import { LogDestination } from "./log-destination.ts";

type RequestLine = ReturnType<typeof describeRequest>;

/** What a path may have that holds no secret: the words of our routes, ids and numbers. */
const PLAIN_SEGMENT = /^[\w.-]{1,36}$/;

/** Leaves out the query, which may hold a download link's secret, and what looks unlike a path of ours. */
function describePath(url: string): string {
  const [path = ""] = url.split(/[?#;]/, 1);
  return path
    .split("/")
    .map((segment) => (segment === "" || PLAIN_SEGMENT.test(segment) ? segment : "…"))
    .join("/");
}

function describeRequest(request: FastifyRequest) {
  return { method: request.method, path: describePath(request.url), remoteAddress: request.ip };
}

/** Leaves out a database error's statement: its values are people's data. */
function describeError(error: Error) {
  const { sql: _, ...described } = stdSerializers.errWithCause(error) as SerializedError & { sql?: string };
  return described;
}

/** JSON lines; for a person at a terminal, readable ones. */
export function createLogger(level: string, destination: DestinationStream = standardError()): Logger {
  return pino({ level, serializers: { req: describeRequest, err: describeError } }, destination);
}

export interface ServerLog {
  log: Logger;
  /** Resolves when all has been written, or can't be for now. */
  flush(): Promise<void>;
}

/** The log of a server, which serves on whatever becomes of its log. */
export function createServerLog(level: string): ServerLog {
  const destination = new LogDestination();
  const log = createLogger(
    level,
    process.stderr.isTTY ? pretty({ ...TERMINAL, destination: toStream(destination) }) : destination,
  );
  destination.onRecovered = (dropped) =>
    log.warn({ dropped }, "lines of the log were dropped: they could not be written as fast as they came");
  return { log, flush: () => destination.flush() };
}

function toStream(destination: LogDestination): Writable {
  return new Writable({
    decodeStrings: false,
    write(line: string | Buffer, _encoding, done) {
      destination.write(line.toString());
      done();
    },
  });
}

/** A request in the words of its first line and its answer. */
function forTerminal(line: Record<string, unknown>, messageKey: string): string {
  const { req, res, responseTime } = line as { req?: RequestLine; res?: { statusCode: number }; responseTime?: number };
  if (req === undefined) return String(line[messageKey]);
  if (res === undefined) return `${line[messageKey]} (${req.method} ${req.path})`;
  return `${req.method} ${req.path} ${res.statusCode} in ${Math.round(responseTime ?? 0)} ms`;
}

const TERMINAL: PrettyOptions = {
  sync: true,
  translateTime: "SYS:HH:MM:ss",
  ignore: "pid,hostname,reqId,req,res,responseTime",
  messageFormat: forTerminal,
};

function standardError(): DestinationStream {
  return process.stderr.isTTY ? pretty({ ...TERMINAL, destination: 2 }) : pino.destination({ dest: 2, sync: true });
}
