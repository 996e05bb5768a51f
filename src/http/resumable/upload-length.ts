import type { FileRecord } from "../../metadata/file-record.ts";
import type { SequentialRequest } from "../sequential/sequential.ts";
import { integerItem } from "./resumable-headers.ts";
import { inconsistentLength } from "./upload-problem.ts";

/** Tells where a request's bytes begin, and whether the upload ends with them. */
export interface Stretch {
  offset: number;
  isLast: boolean;
}

/**
 * The whole upload's length, when the request tells it in either of the ways of section 4.1.3.
 * @throws UploadProblem when it tells two
 */
export function declaredLength({ request, body }: SequentialRequest, { offset, isLast }: Stretch): number | undefined {
  const told = integerItem(request, "upload-length");
  const reckoned = isLast && body.length !== undefined ? offset + body.length : undefined;
  if (told !== undefined && reckoned !== undefined && told !== reckoned) {
    throw inconsistentLength(`Upload-Length is ${told}, but Content-Length makes it ${reckoned}.`);
  }
  return told ?? reckoned;
}

/**
 * Checks before anything is read that a length once told stays, and that the bytes that come fit into it.
 * @param upload left out where there is none yet
 * @throws UploadProblem
 */
export function checkLength(
  { body }: SequentialRequest,
  { offset }: Stretch,
  declared: number | undefined,
  upload?: FileRecord,
): void {
  const known = upload?.sizeKnown ? upload.size : undefined;
  if (known !== undefined && declared !== undefined && declared !== known) {
    throw inconsistentLength(`This upload's length is ${known}, and can't be changed to ${declared}.`);
  }
  const length = known ?? declared;
  const end = offset + (body.length ?? 0);
  if (length !== undefined && end > length) {
    throw inconsistentLength(`This upload's length is ${length}, and these bytes would end at ${end}.`);
  }
}
