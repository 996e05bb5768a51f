import { BlobSource } from "./blob-source.ts";
import { Client, type ClientOptions } from "./client.ts";
import { type DownloadToOptions, downloadTo } from "./node/download-to-path.ts";
import { PathSource } from "./node/path-source.ts";
import { fetchSendingBytes } from "./node/send-bytes.ts";
import type { FileFieldsFragment } from "./operations.ts";
import type { Platform } from "./source.ts";

export type { ClientOptions, Download } from "./client.ts";
export type { DownloadOptions } from "./download.ts";
export { type ErrorCode, SourceChangedError, StowageError } from "./errors.ts";
export type { DownloadToOptions } from "./node/download-to-path.ts";
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

const platform: Platform<Blob | string> = {
  openSource: async (source) => (typeof source === "string" ? PathSource.open(source) : new BlobSource(source)),
  fetch: fetchSendingBytes,
  maxParallel: 8,
};

/** Uploads a file by its path, or a Blob; downloads, and everything else that the API does. */
export class StowageClient extends Client<Blob | string> {
  constructor(options: ClientOptions) {
    super(options, platform);
  }

  /**
   * Downloads to a path, whole or not at all; what an earlier try left is verified and continued.
   * @throws StowageError NOT_FOUND, TARGET_EXISTS, DOWNLOAD_CORRUPT
   */
  async downloadTo(path: string, id: string, options: DownloadToOptions = {}): Promise<FileFieldsFragment> {
    const file = await this.requireFile(id);
    await downloadTo(this.transport, file, path, options);
    return file;
  }
}
