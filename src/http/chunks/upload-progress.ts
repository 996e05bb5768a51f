import type { FileRecord } from "../../metadata/file-record.ts";
import { chunksInAll } from "../../uploads/chunk-plan.ts";
import { integer } from "../openapi.ts";

/** How far an upload is, as the REST side answers it. */
export function uploadProgress(upload: FileRecord) {
  const { id, size, chunkSize, receivedChunks, receivedBytes, expiresAt } = upload;
  const status = upload.status === "COMPLETE" ? "COMPLETED" : upload.status;
  return { id, status, size, chunkSize, totalChunks: chunksInAll(upload), receivedChunks, receivedBytes, expiresAt };
}

/** What `uploadProgress` gives. */
export const progressSchema = {
  type: "object",
  required: ["id", "status", "size", "chunkSize", "totalChunks", "receivedChunks", "receivedBytes", "expiresAt"],
  additionalProperties: false,
  properties: {
    id: { type: "string" },
    status: { type: "string", enum: ["OPEN", "COMPLETED", "ABORTED", "EXPIRED"] },
    size: integer("Bytes of the file"),
    chunkSize: integer("Bytes of each chunk but the last"),
    totalChunks: integer("Chunks of the file"),
    receivedChunks: integer("Chunks that are stored"),
    receivedBytes: integer("Bytes that are stored"),
    expiresAt: { type: "string", format: "date-time", description: "When the upload expires if nothing follows" },
  },
} as const;
