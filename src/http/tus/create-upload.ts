import type { FastifyReply } from "fastify";
import { BadUserInputError } from "../../errors.ts";
import type { StoredFile } from "../../files/file.ts";
import type { TusCreation } from "../../uploads/upload-service.ts";
import { checksumClaim, header, integerHeader, progressHeaders, tusPath } from "./tus-headers.ts";
import type { TusRequest } from "./tus-services.ts";
import { hasBody, withBody } from "./upload-body.ts";
import { parseConcat } from "./upload-concat.ts";
import { type NamedContent, parseMetadata } from "./upload-metadata.ts";

/** POST: sections "Creation", "Creation With Upload" and "Concatenation". */
export async function createUpload(tus: TusRequest): Promise<FastifyReply> {
  const { request, reply } = tus;
  const named = parseMetadata(header(request, "upload-metadata"));
  const concat = parseConcat(header(request, "upload-concat"));
  const creation = {
    metadata: header(request, "upload-metadata") ?? null,
    concat: header(request, "upload-concat") ?? null,
  };
  if (concat?.kind === "final") {
    const file = await createFinal(tus, { ...named, partIds: concat.partIds }, creation);
    return reply.code(201).header("location", tusPath(file.id)).send();
  }
  const kind = concat === undefined ? "SEQUENTIAL" : "PART";
  const upload = hasBody(request)
    ? await withBody(request, async (body) => {
        const checksum = checksumClaim(request);
        const begun = await begin(tus, kind, named, creation);
        try {
          return await tus.services.appends.append(tus.user, begun, { offset: 0, ...body, checksum });
        } catch (error) {
          // Nobody was told its address: it would only take room until it expires.
          await tus.services.uploads.abort(tus.user, begun.id).catch(() => {});
          throw error;
        }
      })
    : await tus.services.appends.completeIfWhole(tus.user, await begin(tus, kind, named, creation));
  return reply.code(201).headers(progressHeaders(upload)).header("location", tusPath(upload.id)).send();
}

function begin(
  { request, user, services }: TusRequest,
  kind: "SEQUENTIAL" | "PART",
  named: NamedContent,
  creation: TusCreation,
): Promise<StoredFile> {
  const size = integerHeader(request, "upload-length");
  const deferred = header(request, "upload-defer-length");
  if (deferred !== undefined && deferred !== "1") {
    throw new BadUserInputError("upload-defer-length", "upload-defer-length takes 1.");
  }
  if ((size === undefined) === (deferred === undefined)) {
    throw new BadUserInputError("upload-length", "Send either Upload-Length or 'Upload-Defer-Length: 1'.");
  }
  return services.uploads.begin(user, { ...named, kind, size: size ?? null }, creation);
}

function createFinal(
  { request, user, services }: TusRequest,
  concatenation: NamedContent & { partIds: string[] },
  creation: TusCreation,
): Promise<StoredFile> {
  const headers = ["upload-length", "upload-defer-length"].filter((name) => header(request, name) !== undefined);
  if (headers.length > 0 || hasBody(request)) {
    const message = "A final upload has the bytes of its parts, and their length: send neither.";
    throw new BadUserInputError(headers[0] ?? "body", message);
  }
  return services.concatenations.concatenate(user, concatenation, creation);
}
