/** What the server says, and what this side finds out by itself. README.md tells what each means. */
export type ErrorCode = ServerErrorCode | ClientErrorCode;

const serverErrorCodes = [
  "UNAUTHENTICATED",
  "FORBIDDEN",
  "NOT_FOUND",
  "BAD_USER_INPUT",
  "CONFLICT",
  "CHUNK_SIZE_MISMATCH",
  "CHUNK_DIGEST_MISMATCH",
  "CHUNK_CONFLICT",
  "OFFSET_MISMATCH",
  "DIGEST_MISMATCH",
  "UPLOAD_INCOMPLETE",
  "UPLOAD_CLOSED",
  "FILE_TOO_LARGE",
  "QUOTA_EXCEEDED",
  "RATE_LIMITED",
  "INSUFFICIENT_STORAGE",
  "DATA_UNAVAILABLE",
  "SERVICE_UNAVAILABLE",
  "INTERNAL_SERVER_ERROR",
] as const;

export type ServerErrorCode = (typeof serverErrorCodes)[number];

export type ClientErrorCode =
  /** The server can't be reached, or the connection broke. */
  | "NETWORK_ERROR"
  /** No answer came in time. */
  | "TIMEOUT"
  /** The answer was not Stowage's, or a version with which this client can't talk. */
  | "UNEXPECTED_ANSWER"
  /** The file is not what it was when its upload began. */
  | "SOURCE_CHANGED"
  /** The bytes that came are not those that were stored, again and again. */
  | "DOWNLOAD_CORRUPT"
  /** There is a file already where the download should go. */
  | "TARGET_EXISTS";

export function isServerErrorCode(code: unknown): code is ServerErrorCode {
  return (serverErrorCodes as readonly unknown[]).includes(code);
}

export interface ErrorDetails {
  /** What the code is about, such as `{ expected: 8388608, received: 12 }`. */
  facts?: Record<string, unknown>;
  /** HTTP status, when it was an answer. */
  status?: number | undefined;
  /** What the server asks to wait before the next try, in milliseconds. */
  retryAfterMs?: number | undefined;
  cause?: unknown;
}

/** Every failure that is not a programmer's: its message is for a person, its code and facts for a program. */
export class StowageError extends Error {
  readonly code: ErrorCode;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, { facts = {}, status, retryAfterMs, cause }: ErrorDetails = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.facts = facts;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The upload never completes: abort it, and upload the source anew as it is now. */
export class SourceChangedError extends StowageError {
  constructor(cause?: unknown) {
    super("SOURCE_CHANGED", "The file changed since its upload began. Upload it anew.", { cause });
  }
}

const transientCodes = new Set<ErrorCode>([
  "NETWORK_ERROR",
  "TIMEOUT",
  "RATE_LIMITED",
  "DATA_UNAVAILABLE",
  "SERVICE_UNAVAILABLE",
  "INTERNAL_SERVER_ERROR",
]);
const REQUEST_TIMEOUT = 408;
const TOO_MANY_REQUESTS = 429;

/** Whether the same request may succeed a little later. */
export function isTransient(error: unknown): error is StowageError {
  if (!(error instanceof StowageError)) return false;
  if (transientCodes.has(error.code)) return true;
  const { status = 0 } = error;
  return (
    error.code === "UNEXPECTED_ANSWER" && (status >= 500 || status === REQUEST_TIMEOUT || status === TOO_MANY_REQUESTS)
  );
}
