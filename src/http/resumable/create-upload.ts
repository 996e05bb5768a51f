import type { FastifyReply } from "fastify";
import { BadUserInputError } from "../../errors.ts";
import { header } from "../request-header.ts";
import type { SequentialRequest } from "../sequential/sequential.ts";
import { filenameOf } from "./content-name.ts";
import { sendInterim } from "./interim-response.ts";
import { booleanItem, resumablePath, stateHeaders, uploadLimit } from "./resumable-headers.ts";
import { takeBytes } from "./take-bytes.ts";
import { answerComplete } from "./upload-answer.ts";
import { checkLength, declaredLength } from "./upload-length.ts";

/** POST: section 4.2, "Upload Creation". */
export async function createResumableUpload(resumable: SequentialRequest): Promise<FastifyReply> {
  const { request, reply, principal, services } = resumable;
  const isLast = booleanItem(request, "upload-complete");
  if (isLast === undefined) throw new BadUserInputError("upload-complete", "Send Upload-Complete as ?0 or ?1.");
  const stretch = { offset: 0, isLast };
  const length = declaredLength(resumable, stretch);
  checkLength(resumable, stretch, length);
  const begun = await services.uploads.begin(principal, {
    filename: filenameOf(header(request, "content-disposition")),
    contentType: header(request, "content-type"),
    isSequential: true,
    size: length ?? null,
  });
  const location = services.publicUrl.path(resumablePath(begun.id));
  const limit = uploadLimit(services.maxFileSize, begun);
  const isAnnounced = sendInterim(request, reply, { location, "upload-limit": limit });
  try {
    const upload = await takeBytes(resumable, begun, stretch, length);
    if (isLast) return answerComplete(resumable, upload);
    return reply
      .code(201)
      .headers({ ...stateHeaders(upload, services.maxFileSize), location })
      .send();
  } catch (error) {
    // Nobody was told its address: it would only take room until it expires.
    if (!isAnnounced) await services.uploads.abort(principal, begun.id).catch(() => {});
    throw error;
  }
}
