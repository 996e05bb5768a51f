import type { FastifyInstance, FastifyRequest } from "fastify";
import { parseDictionary } from "structured-headers";
import type { Authenticator } from "../../access/authenticator.ts";
import { BadUserInputError } from "../../errors.ts";
import { MAX_CHUNK_SIZE } from "../../uploads/chunk-plan.ts";
import type { ChunkService } from "../../uploads/chunk-service.ts";
import { signedIn } from "../auth/signed-in.ts";
import { keepBodyAsStream } from "../body/content-labels.ts";
import { RequestBytes } from "../body/request-bytes.ts";
import { chunkSchema } from "./chunk-schema.ts";
import { uploadProgress } from "./upload-progress.ts";

/** The SHA-256 in hex of a Content-Digest (RFC 9530 section 2); other algorithms are passed over. */
function claimedDigest(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  try {
    const member = parseDictionary(header).get("sha-256");
    if (member === undefined) return undefined;
    if (member[0] instanceof ArrayBuffer) return Buffer.from(member[0]).toString("hex");
  } catch {
    // Answered below, as any other form that is not a digest.
  }
  throw new BadUserInputError("content-digest", "Content-Digest accepts sha-256=:<base64>:, as in RFC 9530.");
}

/** `PUT /uploads/:id/chunks/:index`: the chunk's bytes are the body. For clients that need no GraphQL on this path. */
export function registerChunkRoute(app: FastifyInstance, authenticator: Authenticator, chunks: ChunkService): void {
  const handler = async (request: FastifyRequest) => {
    const bytes = new RequestBytes(request.raw, MAX_CHUNK_SIZE);
    try {
      const { id, index } = request.params as { id: string; index: string };
      const principal = await signedIn(authenticator, request);
      if (!/^\d{1,9}$/.test(index)) throw new BadUserInputError("index", "index accepts a chunk's number, from 0.");
      const length = request.headers["content-length"];
      const sha256 = claimedDigest(request.headers["content-digest"]?.toString());
      const sent = {
        index: Number(index),
        size: length === undefined ? undefined : Number(length),
        sha256,
        open: () => bytes,
      };
      return uploadProgress(await chunks.store(principal, id, sent));
    } finally {
      // What wasn't read still comes; the client reads our answer after it.
      await bytes.drop(MAX_CHUNK_SIZE);
    }
  };
  app.register(async (scope) => {
    keepBodyAsStream(scope);
    scope.put("/uploads/:id/chunks/:index", { schema: chunkSchema, validatorCompiler: () => () => true, handler });
  });
}
