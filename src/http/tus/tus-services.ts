import type { FastifyReply, FastifyRequest } from "fastify";
import type { User } from "../../accounts/user-record.ts";
import type { FileService } from "../../files/file-service.ts";
import type { AppendService } from "../../uploads/append-service.ts";
import type { ConcatenationService } from "../../uploads/concatenation-service.ts";
import type { UploadService } from "../../uploads/upload-service.ts";
import type { UploadBody } from "../body/upload-body.ts";
import type { PublicUrl } from "../public-url.ts";

/** What tus needs of the core. */
export interface TusServices {
  uploads: UploadService;
  appends: AppendService;
  concatenations: ConcatenationService;
  files: FileService;
  /** Bytes. */
  maxFileSize: number;
  publicUrl: PublicUrl;
}

/** A request whose version and token were checked. */
export interface TusRequest {
  request: FastifyRequest;
  reply: FastifyReply;
  user: User;
  body: UploadBody;
  services: TusServices;
}

export type TusHandler = (tus: TusRequest) => Promise<FastifyReply>;
