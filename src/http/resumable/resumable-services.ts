import type { FastifyReply, FastifyRequest } from "fastify";
import type { User } from "../../accounts/user-record.ts";
import type { AppendService } from "../../uploads/append-service.ts";
import type { UploadService } from "../../uploads/upload-service.ts";
import type { UploadBody } from "../body/upload-body.ts";
import type { PublicUrl } from "../public-url.ts";

/** What resumable uploads need of the core. */
export interface ResumableServices {
  uploads: UploadService;
  appends: AppendService;
  /** Bytes. */
  maxFileSize: number;
  publicUrl: PublicUrl;
}

/** A request whose token was checked. */
export interface ResumableRequest {
  request: FastifyRequest;
  reply: FastifyReply;
  user: User;
  body: UploadBody;
  services: ResumableServices;
}

export type ResumableHandler = (resumable: ResumableRequest) => Promise<FastifyReply>;
