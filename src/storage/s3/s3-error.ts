/** A request to an S3 store failed for good. The message names all that a person needs, and no credentials. */
export class S3Error extends Error {
  readonly node: string;
  /** The store's own code, such as SlowDown; null where there was no answer. */
  readonly code: string | null;
  /** The HTTP status; null where there was no answer. */
  readonly status: number | null;

  constructor(node: string, place: string, operation: string, cause: unknown) {
    const { name, message, code, $metadata, $response } = cause as SdkError;
    const status = $metadata?.httpStatusCode ?? $response?.statusCode ?? null;
    const storeCode = status === null ? null : name;
    const said = [status, storeCode, message === "UnknownError" ? null : message].filter((part) => part).join(" ");
    super(`${operation} at ${place} failed: ${advice(storeCode ?? name, status) ?? said}`, { cause });
    this.name = new.target.name;
    this.node = node;
    this.code = storeCode ?? (typeof code === "string" ? code : null);
    this.status = status;
  }
}

interface SdkError extends Error {
  code?: unknown;
  $metadata?: { httpStatusCode?: number };
  $response?: { statusCode?: number };
}

/** What the person who set it up can do about it. */
function advice(code: string, status: number | null): string | undefined {
  if (code === "NoSuchBucket") return "there is no such bucket (NoSuchBucket); create it";
  if (code === "InvalidAccessKeyId" || code === "SignatureDoesNotMatch") {
    return `the store doesn't accept the credentials (${code}); check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`;
  }
  if (status === 403 && code === "AccessDenied") {
    return "the credentials don't allow it (AccessDenied); Stowage has to get, put, list and delete objects";
  }
  if (code === "CredentialsProviderError") {
    return "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE";
  }
  return undefined;
}

/** The store says that there is no more room for us. */
export function isFull(error: unknown): boolean {
  if (!(error instanceof S3Error)) return false;
  return error.status === 507 || (error.code !== null && FULL.has(error.code));
}

const FULL = new Set(["QuotaExceeded", "InsufficientStorage", "InsufficientCapacity", "XMinioStorageFull"]);

/** The object isn't there; a bucket that isn't there is another matter, which only a HEAD can't tell. */
export function isMissingObject(error: unknown): boolean {
  return error instanceof S3Error && error.status === 404 && (error.code === "NoSuchKey" || error.code === "NotFound");
}
