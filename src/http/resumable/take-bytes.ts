import { ApiError } from "../../errors.ts";
import type { FileRecord } from "../../metadata/file-record.ts";
import type { SequentialRequest } from "../sequential/sequential.ts";
import { sendInterim } from "./interim-response.ts";
import type { Stretch } from "./upload-length.ts";
import { inconsistentLength, mismatchingOffset } from "./upload-problem.ts";

/**
 * Adds the request's bytes to an upload, and tells the client how far they are kept.
 * @param declared the upload's length, when the request tells it; `checkLength` has let it pass
 */
export async function takeBytes(
  { request, reply, principal, body, services }: SequentialRequest,
  upload: FileRecord,
  { offset, isLast }: Stretch,
  declared: number | undefined,
): Promise<FileRecord> {
  const { bytes, length } = body;
  const size = upload.sizeKnown ? undefined : declared;
  const onKept = (end: number) => void sendInterim(request, reply, { "upload-offset": String(end) });
  try {
    return await services.appends.append(principal, upload, { offset, size, bytes, length, isLast, onKept });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const { expected } = error.facts;
    if (error.code === "OFFSET_MISMATCH" && typeof expected === "number") throw mismatchingOffset(expected, offset);
    if (error.code === "UPLOAD_INCOMPLETE") throw inconsistentLength("The bytes ended before the upload's length.");
    const whole = upload.sizeKnown ? upload.size : declared;
    if (error.code === "FILE_TOO_LARGE" && whole !== undefined && whole <= services.maxFileSize) {
      // Section 4.4.2: once the offset exceeds the length, the upload resource is invalid.
      await services.uploads.abort(principal, upload.id);
      throw inconsistentLength(`More than this upload's ${whole} bytes came. It is aborted: begin a new one.`);
    }
    throw error;
  }
}
