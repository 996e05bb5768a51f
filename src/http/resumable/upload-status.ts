import type { FastifyReply } from "fastify";
import { type SequentialRequest, uploadId } from "../sequential/sequential.ts";
import { stateHeaders } from "./resumable-headers.ts";

/** HEAD: section 4.3, "Offset Retrieval". */
export async function tellResumableStatus({
  request,
  reply,
  principal,
  services,
}: SequentialRequest): Promise<FastifyReply> {
  const upload = await services.appends.findSettled(principal, uploadId(request));
  const length = upload.sizeKnown && { "upload-length": String(upload.size) };
  const headers = { ...stateHeaders(upload, services.maxFileSize), ...length, "cache-control": "no-store" };
  return reply.code(204).headers(headers).send();
}
