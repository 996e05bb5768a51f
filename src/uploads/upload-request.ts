import { createHash } from "node:crypto";
import { ApiError, BadUserInputError } from "../errors.ts";
import { checkFilename } from "../metadata/filename.ts";
import { UNSEEN } from "../runtime/unseen.ts";
import { MAX_CHUNK_SIZE, MAX_CHUNKS, MIN_CHUNK_SIZE, totalChunks } from "./chunk-plan.ts";
import { mediaTypeOf } from "./media-type.ts";

const MAX_RESUME_KEY_LENGTH = 1024;
const MAX_CLIENT_LENGTH = 64;

export interface UploadRequest {
  filename: string;
  isSequential?: boolean;
  isPart?: boolean;
  /** Bytes; null when a sequential one's isn't known yet. */
  size: number | null;
  /** A label that is no media type counts as none. */
  contentType?: string | null | undefined;
  /** Bytes. */
  chunkSize?: number | null | undefined;
  resumeKey?: string | null | undefined;
  /** What the program that asks calls itself. */
  client?: string | null | undefined;
  /** Whether a file that an upload with the same key, name and size became lately is given instead of a new upload. */
  skipCompleted?: boolean | null | undefined;
}

export interface UploadLimits {
  defaultChunkSize: number;
  maxFileSize: number;
}

export interface UploadPlan {
  filename: string;
  isSequential: boolean;
  isPart: boolean;
  /** Bytes; 0 while it isn't known. */
  size: number;
  sizeKnown: boolean;
  contentType: string;
  chunkSize: number;
  /** SHA-256 of the client's resume key. */
  resumeKey: Buffer | null;
  client: string | null;
}

/** The smallest default or multiple of it with which a file of this size has no more chunks than it may. */
function defaultChunkSize(size: number, limits: UploadLimits): number {
  let chunkSize = limits.defaultChunkSize;
  while (totalChunks({ size, chunkSize }) > MAX_CHUNKS && chunkSize < MAX_CHUNK_SIZE) chunkSize *= 2;
  return Math.min(chunkSize, MAX_CHUNK_SIZE);
}

/** @throws BadUserInputError, or ApiError FILE_TOO_LARGE with `maxFileSize` */
export function checkSize(size: number, limits: UploadLimits): void {
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new BadUserInputError("size", `size accepts a number of bytes from 0 to ${limits.maxFileSize}.`);
  }
  if (size > limits.maxFileSize) {
    throw new ApiError("FILE_TOO_LARGE", `A file has at most ${limits.maxFileSize} bytes here.`, {
      field: "size",
      maxFileSize: limits.maxFileSize,
    });
  }
}

/** @throws BadUserInputError */
function checkText(field: string, text: string | null | undefined, maxLength: number): void {
  if (text == null || (text !== "" && text.length <= maxLength && text.isWellFormed())) return;
  throw new BadUserInputError(field, `${field} accepts 1 to ${maxLength} characters of well-formed Unicode.`);
}

/** @throws BadUserInputError, or ApiError FILE_TOO_LARGE with `maxFileSize` */
export function planUpload(request: UploadRequest, limits: UploadLimits): UploadPlan {
  const { filename, isSequential = false, isPart = false, contentType, resumeKey, client = null } = request;
  checkFilename(filename);
  const sizeKnown = request.size !== null;
  const size = request.size ?? 0;
  checkSize(size, limits);
  checkText("resumeKey", resumeKey, MAX_RESUME_KEY_LENGTH);
  checkText("client", client, MAX_CLIENT_LENGTH);
  if (UNSEEN.test(client ?? "")) throw new BadUserInputError("client", "client accepts no control characters.");
  const chunkSize = request.chunkSize ?? defaultChunkSize(sizeKnown ? size : limits.maxFileSize, limits);
  if (chunkSize < MIN_CHUNK_SIZE || chunkSize > MAX_CHUNK_SIZE) {
    throw new BadUserInputError("chunkSize", `chunkSize accepts ${MIN_CHUNK_SIZE} to ${MAX_CHUNK_SIZE} bytes.`);
  }
  const chunks = totalChunks({ size, chunkSize });
  if (chunks > MAX_CHUNKS) {
    const least = Math.ceil(size / MAX_CHUNKS);
    const message = `A file has at most ${MAX_CHUNKS} chunks; with this chunkSize it would have ${chunks}. Ask for at least ${least} bytes a chunk.`;
    throw new BadUserInputError("chunkSize", message);
  }
  return {
    filename,
    isSequential,
    isPart,
    size,
    sizeKnown,
    contentType: mediaTypeOf(contentType),
    chunkSize,
    resumeKey: resumeKey == null ? null : createHash("sha256").update(resumeKey).digest(),
    client,
  };
}
