import { StatusError } from "../status-error.ts";

/** A request's body that can't be taken. The message is for a person, and tells nothing of the inside. */
export class RequestBodyError extends StatusError {
  /** @param status 499 is nginx's: the client left */
  constructor(status: 400 | 413 | 499, message: string, options: ErrorOptions & { code?: "FILE_TOO_LARGE" } = {}) {
    super(status, options.code ?? "BAD_USER_INPUT", message, {}, options);
  }
}

export function tooLarge(message: string): RequestBodyError {
  return new RequestBodyError(413, message, { code: "FILE_TOO_LARGE" });
}
