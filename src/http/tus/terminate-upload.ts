import type { FastifyReply } from "fastify";
import { type SequentialRequest, uploadId } from "../sequential/sequential.ts";

/** DELETE, of a complete upload too: section "Termination". */
export async function terminateUpload({ request, reply, user, services }: SequentialRequest): Promise<FastifyReply> {
  const upload = await services.appends.find(user, uploadId(request));
  if (upload.status === "COMPLETE") await services.files.delete(user, upload.id);
  else await services.uploads.abort(user, upload.id);
  return reply.code(204).send();
}
