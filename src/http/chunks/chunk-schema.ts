import { bytes, integer, refusal } from "../openapi.ts";
import { progressSchema } from "./upload-progress.ts";

/** Schema of the chunk route, for the OpenAPI documentation. */
export const chunkSchema = {
  summary: "Stores one chunk of an upload",
  description:
    "The same as GraphQL's `uploadChunk`, with the bytes as the body: chunks come in any order, several at once, and as often as a client likes. Answers when the chunk would survive a power cut. A `Content-Digest: sha-256=:<base64>:` (RFC 9530) is checked.",
  tags: ["files"],
  security: [{ token: [] }],
  consumes: ["application/octet-stream"],
  params: {
    type: "object",
    required: ["id", "index"],
    properties: {
      id: { type: "string", format: "uuid", description: "The upload's id, from beginUpload" },
      index: integer("The chunk's number, from 0"),
    },
  },
  headers: {
    type: "object",
    properties: {
      "content-digest": { type: "string", description: "sha-256=:<base64 of the chunk's SHA-256>:" },
    },
  },
  body: bytes("Exactly the bytes that the upload's plan gives this chunk"),
  response: {
    200: {
      description: "The chunk is stored; the upload's progress",
      ...progressSchema,
    },
    400: refusal("BAD_USER_INPUT (`field`), CHUNK_SIZE_MISMATCH (`expected`, `received`), CHUNK_DIGEST_MISMATCH"),
    401: refusal("UNAUTHENTICATED"),
    403: refusal("FORBIDDEN: the token lacks a scope (`needed`)"),
    415: refusal("BAD_USER_INPUT: the body has a content coding"),
    404: refusal("NOT_FOUND: there is no such upload of yours"),
    409: refusal("CHUNK_CONFLICT: other bytes are stored there; UPLOAD_CLOSED: it was aborted or has expired"),
    503: refusal("SERVICE_UNAVAILABLE"),
    507: refusal("INSUFFICIENT_STORAGE"),
  },
} as const;
