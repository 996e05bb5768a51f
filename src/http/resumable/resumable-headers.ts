import type { FastifyRequest } from "fastify";
import { parseItem } from "structured-headers";
import type { FileRecord } from "../../metadata/file-record.ts";
import { header } from "../request-header.ts";

/** The iteration of the draft that is served; the draft bumps it when old and new don't understand each other. */
export const INTEROP_VERSION = 8;
export const PARTIAL_UPLOAD = "application/partial-upload";

/** What a script on another origin has to read. */
export const resumableResponseHeaders = [
  "accept-patch",
  "location",
  "upload-complete",
  "upload-length",
  "upload-limit",
  "upload-offset",
];

export function resumablePath(id: string): string {
  return `/uploads/resumable/${id}`;
}

/** A structured field that is a Boolean. Any other value counts as none: section 4.1.2 has it so. */
export function booleanItem(request: FastifyRequest, name: string): boolean | undefined {
  const value = bareItem(request, name);
  return typeof value === "boolean" ? value : undefined;
}

/** A structured field that is an Integer, 0 or more. Any other value counts as none: section 4.1.1 has it so. */
export function integerItem(request: FastifyRequest, name: string): number | undefined {
  const value = bareItem(request, name);
  return typeof value === "number" && Number.isInteger(value) && value >= 0 ? value : undefined;
}

function bareItem(request: FastifyRequest, name: string): unknown {
  const value = header(request, name);
  if (value === undefined) return undefined;
  try {
    return parseItem(value)[0];
  } catch {
    return undefined;
  }
}

/** Section 4.1.4. Whatever is complete doesn't expire. */
export function uploadLimit(maxFileSize: number, upload?: FileRecord): string {
  if (upload?.status !== "OPEN") return `max-size=${maxFileSize}`;
  const seconds = Math.max(0, Math.floor((upload.expiresAt.getTime() - Date.now()) / 1000));
  return `max-size=${maxFileSize}, max-age=${seconds}`;
}

/** Headers of each answer that tells how an upload stands. */
export function stateHeaders(upload: FileRecord, maxFileSize: number): Record<string, string> {
  return {
    "upload-complete": upload.status === "COMPLETE" ? "?1" : "?0",
    "upload-offset": String(upload.receivedBytes),
    "upload-limit": uploadLimit(maxFileSize, upload),
  };
}
