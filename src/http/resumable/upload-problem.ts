import type { ErrorCode } from "../../errors.ts";
import { StatusError } from "../status-error.ts";

export const PROBLEM_JSON = "application/problem+json";

/** An error that the draft gives a problem type of RFC 9457, beside our code. */
export class UploadProblem extends StatusError {
  readonly headers: Record<string, string>;

  constructor(
    status: number,
    code: ErrorCode,
    type: string,
    { title, message, ...facts }: { title: string; message: string; [fact: string]: unknown },
    headers: Record<string, string> = {},
  ) {
    super(status, code, message, { type: `https://iana.org/assignments/http-problem-types#${type}`, title, ...facts });
    this.headers = headers;
  }
}

export function mismatchingOffset(expected: number, provided: number): UploadProblem {
  const title = "offset from request does not match offset of resource";
  const message = `This upload has ${expected} bytes, not ${provided}. Ask for its offset and go on from there.`;
  const facts = { title, message, "expected-offset": expected, "provided-offset": provided };
  return new UploadProblem(409, "OFFSET_MISMATCH", "mismatching-upload-offset", facts, {
    "upload-offset": String(expected),
  });
}

export function completedUpload(): UploadProblem {
  const message = "This upload is complete: it is a file now.";
  const facts = { title: "upload is already completed", message, status: "COMPLETED" };
  return new UploadProblem(400, "UPLOAD_CLOSED", "completed-upload", facts);
}

export function inconsistentLength(message: string): UploadProblem {
  const facts = { title: "inconsistent length values for upload", message };
  return new UploadProblem(400, "BAD_USER_INPUT", "inconsistent-upload-length", facts);
}
