import type { FastifyRequest } from "fastify";
import { BadUserInputError } from "../../errors.ts";
import type { FileRecord } from "../../metadata/file-record.ts";
import { type ChecksumClaim, checksumAlgorithms } from "../../uploads/body-checksum.ts";
import { header } from "../request-header.ts";

export const TUS_VERSION = "1.0.0";
export const TUS_EXTENSIONS = [
  "creation",
  "creation-with-upload",
  "creation-defer-length",
  "expiration",
  "checksum",
  "termination",
  "concatenation",
];
export const OFFSET_OCTET_STREAM = "application/offset+octet-stream";

/** What a script on another origin has to read. */
export const tusResponseHeaders = [
  "location",
  "tus-checksum-algorithm",
  "tus-extension",
  "tus-max-size",
  "tus-resumable",
  "tus-version",
  "upload-concat",
  "upload-defer-length",
  "upload-expires",
  "upload-length",
  "upload-metadata",
  "upload-offset",
];

/** The headers by which tus says what the core calls by these names. */
const HEADERS: Readonly<Record<string, string>> = { checksum: "upload-checksum", partIds: "upload-concat" };

/** Names the header in an error that is about what it says. */
export function namingHeader<T>(error: T): T | BadUserInputError {
  if (!(error instanceof BadUserInputError)) return error;
  const named = HEADERS[String(error.facts["field"])];
  return named === undefined ? error : new BadUserInputError(named, error.message);
}

export function tusPath(id: string): string {
  return `/tus/${id}`;
}

/** A header that "MUST be a non-negative integer". @throws BadUserInputError when it is there and is none */
export function integerHeader(request: FastifyRequest, name: string): number | undefined {
  const value = header(request, name);
  if (value === undefined) return undefined;
  const number = Number(value);
  if (/^\d+$/.test(value) && Number.isSafeInteger(number)) return number;
  throw new BadUserInputError(name, `${name} accepts a number of bytes, 0 or more.`);
}

/** Section "Upload-Checksum". @throws BadUserInputError, also for an algorithm that isn't served */
export function checksumClaim(request: FastifyRequest): ChecksumClaim | undefined {
  const value = header(request, "upload-checksum");
  if (value === undefined) return undefined;
  const match = /^([!-~]+) +([A-Za-z0-9+/]+={0,2})$/.exec(value);
  const algorithm = checksumAlgorithms.find((known) => known === match?.[1]);
  if (match?.[2] !== undefined && algorithm !== undefined) {
    return { algorithm, digest: Buffer.from(match[2], "base64") };
  }
  const takes = `upload-checksum accepts one of ${checksumAlgorithms.join(", ")}, a space, and the checksum in Base64.`;
  throw new BadUserInputError("upload-checksum", takes);
}

/** Headers of each answer that tells how an upload stands. Whatever is complete doesn't expire. */
export function progressHeaders(upload: FileRecord): Record<string, string> {
  return {
    "upload-offset": String(upload.receivedBytes),
    ...(upload.status === "OPEN" && { "upload-expires": upload.expiresAt.toUTCString() }),
  };
}
