import { ConnectionException, DeadlockException, LockWaitTimeoutException } from "@mikro-orm/core";
import { ApiError, InsufficientStorageError, ServiceUnavailableError } from "../errors.ts";

/** Errors of the network and of a MySQL server that is going, gone, full or not ours: the statement may succeed later. */
const awayCodes = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "ENOENT",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EMFILE",
  "ENFILE",
  "PROTOCOL_CONNECTION_LOST",
  "PROTOCOL_PACKETS_OUT_OF_ORDER",
  "HANDSHAKE_NO_SSL_SUPPORT",
  "HANDSHAKE_SSL_ERROR",
  "ER_CON_COUNT_ERROR",
  "ER_TOO_MANY_USER_CONNECTIONS",
  "ER_USER_LIMIT_REACHED",
  "ER_MAX_PREPARED_STMT_COUNT_REACHED",
  "ER_HOST_IS_BLOCKED",
  "ER_ACCESS_DENIED_ERROR",
  "ER_DBACCESS_DENIED_ERROR",
  "ER_SECURE_TRANSPORT_REQUIRED",
  "ER_SERVER_SHUTDOWN",
  "ER_NORMAL_SHUTDOWN",
  "ER_CONNECTION_KILLED",
  "ER_QUERY_INTERRUPTED",
  "ER_QUERY_TIMEOUT",
  "ER_STATEMENT_TIMEOUT",
  "ER_OUT_OF_RESOURCES",
  "ER_OUTOFMEMORY",
  "ER_CANT_CREATE_THREAD",
  "ER_LOCK_TABLE_FULL",
  "ER_ERROR_ON_READ",
  "ER_ERROR_ON_WRITE",
  "ER_ERROR_DURING_COMMIT",
  "STOWAGE_SESSION_REFUSED",
]);

const fullCodes = new Set(["ER_DISK_FULL", "ER_DISK_FULL_NOWAIT", "ER_RECORD_FILE_FULL", "ENOSPC", "EDQUOT"]);

/** A server that takes no writes any more, because another has taken its place. */
const readOnlyCodes = new Set([
  "ER_OPTION_PREVENTS_STATEMENT",
  "ER_READ_ONLY_MODE",
  "ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION",
]);

/** SQLite's primary result codes, the low byte of `errcode`: https://www.sqlite.org/rescode.html */
const SQLITE = {
  BUSY: 5,
  LOCKED: 6,
  NOMEM: 7,
  READONLY: 8,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  NOTADB: 26,
};
const sqliteAway = new Set([
  SQLITE.BUSY,
  SQLITE.LOCKED,
  SQLITE.NOMEM,
  SQLITE.READONLY,
  SQLITE.IOERR,
  SQLITE.CORRUPT,
  SQLITE.CANTOPEN,
  SQLITE.NOTADB,
]);

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function sqliteCodeOf(error: unknown): number | undefined {
  return error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : undefined;
}

export function isReadOnly(error: unknown): boolean {
  return readOnlyCodes.has(codeOf(error));
}

function isAway(error: unknown): boolean {
  if (error instanceof ConnectionException || awayCodes.has(codeOf(error)) || isReadOnly(error)) return true;
  if (sqliteAway.has(sqliteCodeOf(error) ?? -1)) return true;
  if (!(error instanceof Error)) return false;
  // Class 08 is the connection's: the server is full, starting or shutting down. With 70100 it killed the statement.
  if ("sqlState" in error && /^08|^70100$/.test(String(error.sqlState))) return true;
  return /connection is in closed state|Connection lost/i.test(error.message);
}

function isFull(error: unknown): boolean {
  return fullCodes.has(codeOf(error)) || sqliteCodeOf(error) === SQLITE.FULL;
}

/** ER_CHECKREAD is MariaDB's word for a row that changed since the transaction's snapshot. */
export function isRolledBack(error: unknown): boolean {
  return (
    error instanceof DeadlockException || error instanceof LockWaitTimeoutException || codeOf(error) === "ER_CHECKREAD"
  );
}

/** Another process holds SQLite's lock, for a moment or for long. */
export function isBusy(error: unknown): boolean {
  const code = sqliteCodeOf(error);
  return code === SQLITE.BUSY || code === SQLITE.LOCKED;
}

/** An instance that starts at the same time created the database between our looking for it and our creating it. */
export function wasCreatedMeanwhile(error: unknown): boolean {
  return codeOf(error) === "ER_DB_CREATE_EXISTS";
}

/** What a request is told of an error of the database. One that isn't known stays as it is: a fault of ours. */
export function translated(error: unknown): unknown {
  if (error instanceof ApiError) return error;
  if (isFull(error)) return new InsufficientStorageError(error, "The database's disk is full.");
  if (isRolledBack(error) || isBusy(error)) {
    return new ServiceUnavailableError("The database is too busy. Try again later.", error);
  }
  if (!isAway(error)) return error;
  return new ServiceUnavailableError("The database can't be used at the moment. Try again later.", error);
}
