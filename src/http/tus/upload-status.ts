import type { FastifyReply } from "fastify";
import { refuseClosed } from "../../uploads/upload-service.ts";
import { uploadId } from "../sequential/upload-id.ts";
import { progressHeaders } from "./tus-headers.ts";
import type { TusRequest } from "./tus-services.ts";

/** HEAD: sections "HEAD", "Creation" and "Concatenation" say what it tells. */
export async function tellStatus({ request, reply, user, services }: TusRequest): Promise<FastifyReply> {
  const found = await services.appends.findSettled(user, uploadId(request));
  // A part whose concatenation was answered into the void is asked for again, before it is repeated.
  if (found.status !== "CONCATENATED") refuseClosed(found);
  const upload = await services.appends.completeIfWhole(user, found);
  const creation = await services.uploads.tusCreation(upload);
  return reply
    .code(200)
    .headers({
      "cache-control": "no-store",
      ...progressHeaders(upload),
      ...(upload.sizeKnown ? { "upload-length": String(upload.size) } : { "upload-defer-length": "1" }),
      ...(creation?.metadata && { "upload-metadata": creation.metadata }),
      ...(creation?.concat && { "upload-concat": creation.concat }),
    })
    .send();
}
