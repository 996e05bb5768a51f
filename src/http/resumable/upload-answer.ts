import type { FastifyReply } from "fastify";
import type { StoredFile } from "../../files/file.ts";
import { uploadProgress } from "../upload-progress.ts";
import { resumablePath, stateHeaders } from "./resumable-headers.ts";

/** What answers the request that completes an upload, be it its first or its last: sections 4.2.2 and 4.4.2. */
export function answerComplete(reply: FastifyReply, file: StoredFile, maxFileSize: number): FastifyReply {
  const headers = { ...stateHeaders(file, maxFileSize), location: resumablePath(file.id) };
  return reply.code(201).headers(headers).send(uploadProgress(file));
}
