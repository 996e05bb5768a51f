import { ApiError, type ErrorCode } from "../errors.ts";

/** An error of HTTP itself, which has its status whatever its code. */
export class StatusError extends ApiError {
  readonly status: number;

  constructor(
    status: number,
    code: ErrorCode,
    message: string,
    facts: Record<string, unknown> = {},
    options?: ErrorOptions,
  ) {
    super(code, message, facts, options);
    this.status = status;
  }
}
