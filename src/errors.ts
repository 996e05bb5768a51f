/** The stable codes that clients see; README.md tells what each means to them. */
export type ErrorCode =
  | "UNAUTHENTICATED"
  | "FORBIDDEN"
  | "NOT_FOUND"
  | "BAD_USER_INPUT"
  | "CONFLICT"
  | "CHUNK_SIZE_MISMATCH"
  | "CHUNK_DIGEST_MISMATCH"
  | "CHUNK_CONFLICT"
  | "OFFSET_MISMATCH"
  | "DIGEST_MISMATCH"
  | "UPLOAD_INCOMPLETE"
  | "UPLOAD_CLOSED"
  | "FILE_TOO_LARGE"
  | "QUOTA_EXCEEDED"
  | "RATE_LIMITED"
  | "INSUFFICIENT_STORAGE"
  | "DATA_UNAVAILABLE"
  | "SERVICE_UNAVAILABLE";

/**
 * An error that a client is told of: its message is for a person, its code and facts for a program. Whatever else is
 * thrown is a fault of ours, and shown as INTERNAL_SERVER_ERROR with nothing of its cause.
 */
export class ApiError extends Error {
  readonly code: ErrorCode;
  /** What the code is about, such as `{ expected: 8388608, received: 12 }`. */
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, facts: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
    this.facts = facts;
  }

  /** Whether it is the operator rather than the client who can do something about it. */
  get isServerSide(): boolean {
    return serverSideCodes.has(this.code);
  }
}

const serverSideCodes = new Set<ErrorCode>(["INSUFFICIENT_STORAGE", "DATA_UNAVAILABLE", "SERVICE_UNAVAILABLE"]);

export class UnauthenticatedError extends ApiError {
  constructor(message = "Sign in first: send the token as 'Authorization: Bearer <token>'.") {
    super("UNAUTHENTICATED", message);
  }
}

/** A token was sent, and it opens nothing. */
export class InvalidTokenError extends UnauthenticatedError {
  constructor() {
    super("This token is not valid, or not any more. Sign in again.");
  }
}

/** The answer for another user's object as well, so that the two can't be told apart. */
export class NotFoundError extends ApiError {
  constructor(what: string) {
    super("NOT_FOUND", `There is no such ${what}.`);
  }
}

export class BadUserInputError extends ApiError {
  constructor(field: string, message: string) {
    super("BAD_USER_INPUT", message, { field });
  }
}

/** No node could take the chunk, or the database its rows, for want of room. */
export class InsufficientStorageError extends ApiError {
  constructor(cause?: unknown, what = "The storage nodes are full.") {
    super("INSUFFICIENT_STORAGE", `${what} What was acknowledged is kept.`, {}, { cause });
  }
}

/** No copy of the bytes asked for could be read and verified. */
export class DataUnavailableError extends ApiError {
  constructor(cause?: unknown) {
    super("DATA_UNAVAILABLE", "The file's bytes can't be read at the moment. Try again later.", {}, { cause });
  }
}

/** What clients are told to wait before they try again. */
export const RETRY_AFTER_SECONDS = 5;

/** A part that the service stands on is away, and a retry is worth while. */
export class ServiceUnavailableError extends ApiError {
  constructor(message = "The service can't answer at the moment. Try again later.", cause?: unknown) {
    super("SERVICE_UNAVAILABLE", message, { retryAfterSeconds: RETRY_AFTER_SECONDS }, { cause });
  }
}
