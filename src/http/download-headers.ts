import { validateHeaderValue } from "node:http";
import { create as contentDisposition } from "content-disposition";
import type { DownloadableFile } from "../files/download-service.ts";

export type Disposition = "attachment" | "inline";

/**
 * A stored file may be anything, a hostile page too. Opened in a browser it runs no script, has no origin and loads
 * nothing but itself: the page that a browser makes up around an image, a video or a sound needs that much.
 */
const CONTENT_SECURITY_POLICY =
  "sandbox; default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'unsafe-inline'";

export function strongETag(file: DownloadableFile): string {
  return `"${file.digest}"`;
}

/** The headers of every answer about a file that was found. */
export function commonHeaders(file: DownloadableFile): Record<string, string> {
  return {
    ETag: strongETag(file),
    "Last-Modified": file.completedAt.toUTCString(),
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
  };
}

/** Goes with 304 too: the file may have been renamed, and a cache keeps the name along with the bytes. */
export function dispositionHeader(file: DownloadableFile, type: Disposition): Record<string, string> {
  return { "Content-Disposition": contentDisposition(file.filename.toWellFormed(), { type }) };
}

/** As stored; what no header could carry goes out as plain bytes rather than as an error. */
export function contentTypeOf(file: DownloadableFile): string {
  try {
    validateHeaderValue("Content-Type", file.contentType);
    return file.contentType;
  } catch {
    return "application/octet-stream";
  }
}
