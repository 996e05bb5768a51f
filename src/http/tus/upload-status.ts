import type { FastifyReply } from "fastify";
import { type SequentialRequest, uploadId } from "../sequential/sequential.ts";
import { progressHeaders } from "./tus-headers.ts";

/** HEAD: sections "HEAD", "Creation" and "Concatenation" say what it tells. */
export async function tellTusStatus({ request, reply, principal, services }: SequentialRequest): Promise<FastifyReply> {
  // A part whose concatenation was answered into the void is asked for again, before it is repeated.
  const found = await services.appends.findSettled(principal, uploadId(request), { orConcatenated: true });
  const upload = await services.appends.completeIfWhole(principal, found);
  const creation = await services.uploads.creation(upload);
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
