import { BlobSource } from "./blob-source.ts";
import { Client, type ClientOptions } from "./client.ts";
import type { Platform } from "./source.ts";

export { keyOfFile } from "./blob-source.ts";
export type { ClientOptions, Download } from "./client.ts";
export type { DownloadOptions } from "./download.ts";
export { type ErrorCode, SourceChangedError, StowageError } from "./errors.ts";
export type {
  ApiKeyFieldsFragment as ApiKey,
  FileFieldsFragment as StoredFile,
  FileOrder,
  Scope,
  SessionFieldsFragment as Session,
  UploadFieldsFragment as UploadSession,
  UserFieldsFragment as User,
} from "./operations.ts";
export type { RetryOptions } from "./patience.ts";
export type { Progress } from "./progress.ts";
export type { Upload, UploadOptions, UploadState } from "./upload.ts";

const platform: Platform<Blob> = {
  openSource: async (source) => new BlobSource(source),
  fetch: globalThis.fetch,
  // A browser has six connections to a server that speaks HTTP/1.1, and the page needs one as well.
  maxParallel: 5,
};

/** Uploads a File or a Blob, downloads, and everything else that the API does. */
export class StowageClient extends Client<Blob> {
  constructor(options: ClientOptions) {
    super(options, platform);
  }
}
