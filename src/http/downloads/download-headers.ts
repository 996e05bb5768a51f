import { validateHeaderValue } from "node:http";
import { create as contentDisposition } from "content-disposition";
import type { DownloadableFile } from "../../files/download-service.ts";

export type Disposition = "attachment" | "inline";

/**
 * A stored file may be anything, a hostile page too. Opened in a browser it runs no script, has no origin and loads
 * nothing but itself.
 */
const CONTENT_SECURITY_POLICY =
  "sandbox; default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'unsafe-inline'";

/**
 * The page that a browser makes up around an image, a film or a sound asks for the file again: without an origin that
 * would be a request of another one, without the cookie and refused by the policy itself.
 */
const MEDIA_POLICY =
  "sandbox allow-same-origin; default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'unsafe-inline'";
const MEDIA = /^(?:video|audio|image)\/(?!svg)/;

/** A sandboxed PDF is shown by no browser. None runs a PDF's scripts as the origin's: its viewer is a place of its own. */
const PDF_POLICY = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'";

export function strongETag(file: DownloadableFile): string {
  return `"${file.digest}"`;
}

/** The headers of every answer about a file that was found. */
export function fileHeaders(file: DownloadableFile, disposition: Disposition): Record<string, string> {
  return {
    ETag: strongETag(file),
    "Last-Modified": file.completedAt.toUTCString(),
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": policyFor(file, disposition),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
  };
}

/** Goes with 304 too: the file may have been renamed, and a cache keeps the name along with the bytes. */
export function dispositionHeader(file: DownloadableFile, type: Disposition): Record<string, string> {
  return { "Content-Disposition": contentDisposition(file.filename.toWellFormed(), { type }) };
}

/** Gives the type as stored; what no header could carry goes out as plain bytes rather than as an error. */
export function contentTypeOf(file: DownloadableFile): string {
  try {
    validateHeaderValue("Content-Type", file.contentType);
    return file.contentType;
  } catch {
    return "application/octet-stream";
  }
}

function policyFor(file: DownloadableFile, disposition: Disposition): string {
  const type = contentTypeOf(file).toLowerCase();
  if (type === "application/pdf") return PDF_POLICY;
  return disposition === "inline" && MEDIA.test(type) ? MEDIA_POLICY : CONTENT_SECURITY_POLICY;
}

/** Whether a browser would guess the text's encoding, and guess wrong. */
export function lacksCharset(file: DownloadableFile): boolean {
  const type = contentTypeOf(file);
  return /^text\//i.test(type) && !/;\s*charset=/i.test(type);
}
