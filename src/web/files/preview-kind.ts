import type { IconName } from "../ui/icon.tsx";

export type PreviewKind = "image" | "video" | "audio" | "pdf" | "text";

/** What a browser shows without running anything of it: an SVG in an img element runs no script. */
const IMAGES = /^image\/(png|jpeg|gif|webp|avif|bmp|svg\+xml|x-icon|vnd\.microsoft\.icon)$/;
const TEXTS = /^(text\/|application\/(json|xml|javascript|x-sh|x-yaml|yaml|toml|sql|x-ndjson)$)|\+(json|xml)$/;
const TEXT_NAMES =
  /\.(txt|md|markdown|csv|tsv|log|json|jsonl|ya?ml|toml|ini|conf|xml|html?|css|[cm]?[jt]sx?|py|rb|rs|go|java|c|h|cpp|sh|sql|diff|patch|graphql)$/i;

interface Typed {
  contentType: string;
  filename: string;
}

/** Null for what is only downloaded. */
export function previewKind({ contentType, filename }: Typed): PreviewKind | null {
  const type = contentType.toLowerCase().split(";", 1)[0]?.trim() ?? "";
  if (IMAGES.test(type)) return "image";
  if (type.startsWith("video/")) return "video";
  if (type.startsWith("audio/")) return "audio";
  if (type === "application/pdf") return "pdf";
  const unknown = type === "application/octet-stream";
  return TEXTS.test(type) || (unknown && TEXT_NAMES.test(filename)) ? "text" : null;
}

export function iconFor(file: Typed): IconName {
  const kind = previewKind(file);
  if (kind === null) return "file";
  return kind === "pdf" ? "text" : kind;
}
