import type { FastifyReply } from "fastify";
import { BadUserInputError } from "../../errors.ts";
import type { FileRecord } from "../../metadata/file-record.ts";
import type { UploadRequest } from "../../uploads/upload-request.ts";
import type { Creation } from "../../uploads/upload-service.ts";
import { header } from "../request-header.ts";
import type { SequentialRequest } from "../sequential/sequential.ts";
import { checksumClaim, integerHeader, OFFSET_OCTET_STREAM, progressHeaders, tusPath } from "./tus-headers.ts";
import { parseConcat } from "./upload-concat.ts";
import { type NamedContent, parseMetadata } from "./upload-metadata.ts";

/** POST: sections "Creation", "Creation With Upload" and "Concatenation". */
export async function createTusUpload(tus: SequentialRequest): Promise<FastifyReply> {
  const { request, reply, principal, services, body } = tus;
  const named = parseMetadata(header(request, "upload-metadata"));
  const concat = parseConcat(header(request, "upload-concat"));
  const creation = {
    metadata: header(request, "upload-metadata") ?? "",
    concat: header(request, "upload-concat") ?? "",
  };
  if (concat?.kind === "final") {
    const file = await createFinal(tus, { ...named, partIds: concat.partIds }, creation);
    return reply
      .code(201)
      .header("location", services.publicUrl.path(tusPath(file.id)))
      .send();
  }
  const upload = { ...named, isSequential: true, isPart: concat !== undefined, size: declaredSize(tus) };
  const created = body.isEmpty
    ? await services.appends.completeIfWhole(principal, await services.uploads.begin(principal, upload, creation))
    : await createWithBytes(tus, upload, creation);
  return reply
    .code(201)
    .headers(progressHeaders(created))
    .header("location", services.publicUrl.path(tusPath(created.id)))
    .send();
}

/** Bytes, or null when they come later. */
function declaredSize({ request }: SequentialRequest): number | null {
  const size = integerHeader(request, "upload-length");
  const deferred = header(request, "upload-defer-length");
  if (deferred !== undefined && deferred !== "1") {
    throw new BadUserInputError("upload-defer-length", "upload-defer-length accepts 1.");
  }
  if ((size === undefined) === (deferred === undefined)) {
    throw new BadUserInputError("upload-length", "Send either Upload-Length or 'Upload-Defer-Length: 1'.");
  }
  return size ?? null;
}

async function createWithBytes(
  { request, principal, services, body }: SequentialRequest,
  upload: UploadRequest,
  creation: Creation,
): Promise<FileRecord> {
  body.checkType(OFFSET_OCTET_STREAM);
  const checksum = checksumClaim(request);
  const begun = await services.uploads.begin(principal, upload, creation);
  try {
    const { bytes, length } = body;
    return await services.appends.append(principal, begun, { offset: 0, bytes, length, checksum });
  } catch (error) {
    // Nobody was told its address: it would only take room until it expires.
    await services.uploads.abort(principal, begun.id).catch(() => {});
    throw error;
  }
}

function createFinal(
  { request, principal, services, body }: SequentialRequest,
  concatenation: NamedContent & { partIds: string[] },
  creation: Creation,
): Promise<FileRecord> {
  const sent = ["upload-length", "upload-defer-length"].find((name) => header(request, name) !== undefined);
  if (sent !== undefined || !body.isEmpty) {
    const message = "A final upload has the bytes of its parts, and their length: send neither.";
    throw new BadUserInputError(sent ?? "body", message);
  }
  return services.concatenations.concatenate(principal, concatenation, creation);
}
