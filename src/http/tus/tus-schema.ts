import type { FastifySchema } from "fastify";
import { bytes, noBody, refusal, text } from "../openapi.ts";

const resumable = { "tus-resumable": text("1.0.0") };
const common = { tags: ["tus"], security: [{ token: [] }] };
const onUpload = {
  ...common,
  params: { type: "object", properties: { id: text("The upload's id, which the file keeps") } },
};
const errors = {
  401: refusal("UNAUTHENTICATED"),
  403: refusal("FORBIDDEN: the token lacks a scope (`needed`)"),
  412: refusal("BAD_USER_INPUT: Tus-Resumable is not 1.0.0"),
  503: refusal("SERVICE_UNAVAILABLE"),
};
const gone = {
  404: refusal("NOT_FOUND: there is no such tus upload of yours"),
  410: refusal("UPLOAD_CLOSED: it was aborted, has expired or is concatenated"),
};
const content = bytes("Bytes, as many as you like");
const refusedBytes = {
  413: refusal("FILE_TOO_LARGE, QUOTA_EXCEEDED"),
  415: refusal("BAD_USER_INPUT: the media type is not application/offset+octet-stream"),
  460: refusal("CHUNK_DIGEST_MISMATCH: Upload-Checksum doesn't hold, and nothing was kept"),
  507: refusal("INSUFFICIENT_STORAGE"),
};
const checksum = text("An algorithm, a space and the checksum of the body in Base64");

export const tusCreateSchema: FastifySchema = {
  ...common,
  summary: "Begins a tus upload",
  description:
    "The [tus 1.0.0 protocol](https://tus.io/protocols/resumable-upload) with creation, creation-with-upload, creation-defer-length, expiration, checksum, termination and concatenation. The last byte completes the upload: it is a file then. Each method may come as a POST with X-HTTP-Method-Override.",
  consumes: ["application/offset+octet-stream"],
  headers: {
    type: "object",
    properties: {
      ...resumable,
      "upload-length": text("Bytes of the whole file"),
      "upload-defer-length": text("1, in place of Upload-Length, when it isn't known yet"),
      "upload-metadata": text("`filename` (or `name`) and `filetype` (or `type`), each with its Base64 value"),
      "upload-concat": text("`partial`, or `final;` and the parts' URLs, in order and each once"),
      "upload-checksum": checksum,
    },
  },
  body: content,
  response: {
    201: noBody("Location has the upload's URL, Upload-Offset what came, Upload-Expires how long it is kept"),
    400: refusal("BAD_USER_INPUT (`field`)"),
    409: refusal("UPLOAD_INCOMPLETE: some of the parts to concatenate are not whole (`incomplete`)"),
    410: refusal("UPLOAD_CLOSED: some of the parts to concatenate are closed"),
    ...refusedBytes,
    ...errors,
  },
};

export const tusOptionsSchema: FastifySchema = {
  ...common,
  security: [],
  summary: "What this server can do of tus",
  response: { 204: noBody("Tus-Version, Tus-Extension, Tus-Max-Size and Tus-Checksum-Algorithm tell") },
};

export const tusStatusSchema: FastifySchema = {
  ...onUpload,
  summary: "How far a tus upload is",
  headers: { type: "object", properties: resumable },
  response: {
    200: noBody("Upload-Offset, and Upload-Length or Upload-Defer-Length"),
    ...gone,
    ...errors,
  },
};

export const tusAppendSchema: FastifySchema = {
  ...onUpload,
  summary: "Adds bytes to the end of a tus upload",
  description:
    "Bytes are kept as they come, chunk by chunk, also when the connection breaks: ask for Upload-Offset and go on. With Upload-Checksum they count all together or not at all.",
  consumes: ["application/offset+octet-stream"],
  headers: {
    type: "object",
    properties: {
      ...resumable,
      "upload-offset": text("Bytes that the upload has"),
      "upload-length": text("Bytes of the whole file, where that was deferred"),
      "upload-checksum": checksum,
    },
  },
  body: content,
  response: {
    204: noBody("Upload-Offset tells how many bytes the upload has now"),
    400: refusal("BAD_USER_INPUT (`field`)"),
    409: refusal("OFFSET_MISMATCH: the upload has `expected` bytes; somebody else may be sending"),
    ...gone,
    ...refusedBytes,
    ...errors,
    403: refusal("FORBIDDEN: it is a concatenated file, or the token lacks a scope (`needed`)"),
  },
};

export const tusTerminateSchema: FastifySchema = {
  ...onUpload,
  summary: "Aborts a tus upload, or deletes the file that it became",
  headers: { type: "object", properties: resumable },
  response: { 204: noBody("It is gone"), ...gone, ...errors },
};
