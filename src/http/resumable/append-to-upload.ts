import type { FastifyReply } from "fastify";
import { BadUserInputError } from "../../errors.ts";
import { type SequentialRequest, uploadId } from "../sequential/sequential.ts";
import { booleanItem, integerItem, PARTIAL_UPLOAD, stateHeaders } from "./resumable-headers.ts";
import { takeBytes } from "./take-bytes.ts";
import { answerComplete } from "./upload-answer.ts";
import { checkLength, declaredLength } from "./upload-length.ts";
import { completedUpload, inconsistentLength, mismatchingOffset } from "./upload-problem.ts";

/** PATCH: section 4.4, "Upload Append". */
export async function appendToResumableUpload(resumable: SequentialRequest): Promise<FastifyReply> {
  const { request, reply, principal, body, services } = resumable;
  body.checkType(PARTIAL_UPLOAD);
  const offset = integerItem(request, "upload-offset");
  if (offset === undefined) throw new BadUserInputError("upload-offset", "Send Upload-Offset, a number of bytes.");
  const isLast = booleanItem(request, "upload-complete");
  if (isLast === undefined) throw new BadUserInputError("upload-complete", "Send Upload-Complete as ?0 or ?1.");
  const found = await services.appends.find(principal, uploadId(request));
  if (found.status === "COMPLETE") {
    throw body.isEmpty ? completedUpload() : inconsistentLength("This upload is complete: no more can be added.");
  }
  if (found.receivedBytes !== offset) throw mismatchingOffset(found.receivedBytes, offset);
  const stretch = { offset, isLast };
  const length = declaredLength(resumable, stretch);
  checkLength(resumable, stretch, length, found);
  const upload = await takeBytes(resumable, found, stretch, length);
  if (isLast) return answerComplete(resumable, upload);
  return reply.code(204).headers(stateHeaders(upload, services.maxFileSize)).send();
}
