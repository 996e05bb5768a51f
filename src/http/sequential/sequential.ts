import type { FastifyReply, FastifyRequest } from "fastify";
import type { Authenticator } from "../../access/authenticator.ts";
import type { Principal } from "../../access/principal.ts";
import type { FileService } from "../../files/file-service.ts";
import type { AppendService } from "../../uploads/append-service.ts";
import type { ConcatenationService } from "../../uploads/concatenation-service.ts";
import type { UploadService } from "../../uploads/upload-service.ts";
import { signedIn } from "../auth/signed-in.ts";
import { UploadBody } from "../body/upload-body.ts";
import type { PublicUrl } from "../public-url.ts";

/** What the protocols need of the core whose uploads come byte after byte: tus and the IETF's draft. */
export interface SequentialServices {
  uploads: UploadService;
  appends: AppendService;
  concatenations: ConcatenationService;
  files: FileService;
  /** Bytes. */
  maxFileSize: number;
  publicUrl: PublicUrl;
}

/** A request whose token was checked. */
export interface SequentialRequest {
  request: FastifyRequest;
  reply: FastifyReply;
  principal: Principal;
  body: UploadBody;
  services: SequentialServices;
}

export type SequentialHandler = (sequential: SequentialRequest) => Promise<FastifyReply>;

/** Options of routes that check by themselves: their schemas are for the documentation. */
export const documentationOnly = { validatorCompiler: () => () => true, serializerCompiler: () => JSON.stringify };

/** Works on a request, and drops what wasn't read of its body. */
export async function handleSequential(
  handle: SequentialHandler,
  request: FastifyRequest,
  reply: FastifyReply,
  authenticator: Authenticator,
  services: SequentialServices,
): Promise<FastifyReply> {
  const body = new UploadBody(request);
  try {
    return await handle({ request, reply, services, body, principal: await signedIn(authenticator, request) });
  } finally {
    await body.close();
  }
}

/** The id in a route whose path has `:id`. */
export function uploadId(request: FastifyRequest): string {
  return (request.params as { id: string }).id;
}
