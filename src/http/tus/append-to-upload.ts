import type { FastifyReply } from "fastify";
import { ApiError, BadUserInputError } from "../../errors.ts";
import { type SequentialRequest, uploadId } from "../sequential/sequential.ts";
import { checksumClaim, integerHeader, OFFSET_OCTET_STREAM, progressHeaders } from "./tus-headers.ts";
import { isFinal } from "./upload-concat.ts";

/** PATCH: sections "PATCH", "Checksum" and, for the length that comes late, "Creation". */
export async function appendToTusUpload({
  request,
  reply,
  principal,
  body,
  services,
}: SequentialRequest): Promise<FastifyReply> {
  body.checkType(OFFSET_OCTET_STREAM);
  const offset = integerHeader(request, "upload-offset");
  if (offset === undefined) throw new BadUserInputError("upload-offset", "Send Upload-Offset.");
  const size = integerHeader(request, "upload-length");
  const checksum = checksumClaim(request);
  const found = await services.appends.find(principal, uploadId(request));
  if (found.status === "COMPLETE" && isFinal((await services.uploads.creation(found))?.concat)) {
    throw new ApiError("FORBIDDEN", "A final upload is complete from the beginning.");
  }
  const { bytes, length } = body;
  const upload = await services.appends.append(principal, found, { offset, size, checksum, bytes, length });
  return reply.code(204).headers(progressHeaders(upload)).send();
}
