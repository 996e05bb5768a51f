import type { FastifyReply } from "fastify";
import type { FileRecord } from "../../metadata/file-record.ts";
import { uploadProgress } from "../chunks/upload-progress.ts";
import type { SequentialRequest } from "../sequential/sequential.ts";
import { resumablePath, stateHeaders } from "./resumable-headers.ts";

/** What answers the request that completes an upload, be it its first or its last: sections 4.2.2 and 4.4.2. */
export function answerComplete({ reply, services }: SequentialRequest, file: FileRecord): FastifyReply {
  const location = services.publicUrl.path(resumablePath(file.id));
  const headers = { ...stateHeaders(file, services.maxFileSize), location };
  return reply.code(201).headers(headers).send(uploadProgress(file));
}
