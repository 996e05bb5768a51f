import type { FastifyReply } from "fastify";
import { refuseClosed } from "../../uploads/upload-service.ts";
import { uploadId } from "../sequential/upload-id.ts";
import { stateHeaders } from "./resumable-headers.ts";
import type { ResumableRequest } from "./resumable-services.ts";

/** HEAD: section 4.3, "Offset Retrieval". */
export async function tellStatus({ request, reply, user, services }: ResumableRequest): Promise<FastifyReply> {
  const upload = await services.appends.findSettled(user, uploadId(request));
  refuseClosed(upload);
  const length = upload.sizeKnown && { "upload-length": String(upload.size) };
  const headers = { ...stateHeaders(upload, services.maxFileSize), ...length, "cache-control": "no-store" };
  return reply.code(204).headers(headers).send();
}
