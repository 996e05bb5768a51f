import { expect, test } from "vitest";
import { previewKind } from "../../src/web/files/preview-kind.ts";

test.each([
  ["image/png", "a.png", "image"],
  ["image/svg+xml", "a.svg", "image"],
  ["Video/MP4; codecs=avc1", "a", "video"],
  ["audio/flac", "a", "audio"],
  ["application/pdf", "a.pdf", "pdf"],
  ["text/html", "a.html", "text"],
  ["application/ld+json", "a", "text"],
  ["application/octet-stream", "notes.MD", "text"],
  ["application/octet-stream", "notes", null],
  ["image/tiff", "a.tiff", null],
  ["application/zip", "a.txt", null],
])("%s, called %s: %s", (contentType, filename, kind) => {
  expect(previewKind({ contentType, filename })).toBe(kind);
});
