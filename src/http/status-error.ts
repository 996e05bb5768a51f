import { type ErrorCode, StowageError } from "../errors.ts";

/** An error of HTTP itself, which has its status whatever its code. */
export class StatusError extends StowageError {
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
