import type { FastifyReply } from "fastify";
import { type SequentialRequest, uploadId } from "../sequential/sequential.ts";

/** DELETE, of a complete upload too: section "Termination". */
export async function terminateUpload({
  request,
  reply,
  principal,
  services,
}: SequentialRequest): Promise<FastifyReply> {
  const upload = await services.appends.find(principal, uploadId(request));
  if (upload.status === "COMPLETE") await services.files.delete(principal, upload.id);
  else await services.uploads.abort(principal, upload.id);
  return reply.code(204).send();
}
