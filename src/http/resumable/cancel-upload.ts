import type { FastifyReply } from "fastify";
import { type SequentialRequest, uploadId } from "../sequential/sequential.ts";
import { completedUpload } from "./upload-problem.ts";

/** DELETE: section 4.5, "Upload Cancellation". A complete upload is a file, and no client that cancels means to delete one. */
export async function cancelUpload({ request, reply, principal, services }: SequentialRequest): Promise<FastifyReply> {
  const upload = await services.appends.find(principal, uploadId(request));
  if (upload.status === "COMPLETE") throw completedUpload();
  await services.uploads.abort(principal, upload.id);
  return reply.code(204).send();
}
