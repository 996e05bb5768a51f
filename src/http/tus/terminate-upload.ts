import type { FastifyReply } from "fastify";
import { refuseClosed } from "../../uploads/upload-service.ts";
import { uploadId } from "../sequential/upload-id.ts";
import type { TusRequest } from "./tus-services.ts";

/** DELETE, of a complete upload too: section "Termination". */
export async function terminateUpload({ request, reply, user, services }: TusRequest): Promise<FastifyReply> {
  const upload = await services.appends.find(user, uploadId(request));
  refuseClosed(upload);
  if (upload.status === "COMPLETE") await services.files.delete(user, upload.id);
  else await services.uploads.abort(user, upload.id);
  return reply.code(204).send();
}
