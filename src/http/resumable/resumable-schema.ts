import type { FastifySchema } from "fastify";
import { progressSchema } from "../chunks/upload-progress.ts";
import { bytes, noBody, refusal, text } from "../openapi.ts";

const common = { tags: ["resumable"], security: [{ token: [] }] };
const onUpload = {
  ...common,
  params: { type: "object", properties: { id: text("The upload's id, which the file keeps") } },
};
const errors = {
  401: refusal("UNAUTHENTICATED"),
  403: refusal("FORBIDDEN: the token lacks a scope (`needed`)"),
  503: refusal("SERVICE_UNAVAILABLE"),
};
const gone = {
  404: refusal("NOT_FOUND: there is no such upload of yours"),
  410: refusal("UPLOAD_CLOSED: it was aborted or has expired"),
};
const content = bytes("Bytes, as many as you like");
const refusedBytes = {
  413: refusal("FILE_TOO_LARGE, QUOTA_EXCEEDED; Upload-Limit tells what a file may have"),
  507: refusal("INSUFFICIENT_STORAGE"),
};
const complete = text("?1 when the file ends with these bytes, ?0 when more will come");
const length = text("Bytes of the whole file, where they are known");
const interop = text("8: then interim responses 104 tell the upload's URL and how far it is kept");

export const resumableCreateSchema: FastifySchema = {
  ...common,
  summary: "Begins a resumable upload, with all or some of its bytes or none",
  description:
    "[Resumable Uploads for HTTP](https://datatracker.ietf.org/doc/draft-ietf-httpbis-resumable-upload/), interop version 8. With `Upload-Complete: ?1` this is the whole upload, unless the connection breaks. Content-Type is the file's.",
  headers: {
    type: "object",
    properties: {
      "upload-complete": complete,
      "upload-length": length,
      "content-disposition": text("`inline; filename=…`: the file's name"),
      "upload-draft-interop-version": interop,
    },
  },
  body: content,
  response: {
    201: {
      description: "Location has the upload's URL; the body is there when the upload is complete",
      ...progressSchema,
    },
    400: refusal("BAD_USER_INPUT (`field`, or a problem `inconsistent-upload-length`)"),
    415: refusal("BAD_USER_INPUT: the file has a content coding"),
    ...refusedBytes,
    ...errors,
  },
};

export const resumableOptionsSchema: FastifySchema = {
  ...common,
  security: [],
  summary: "Whether resumable uploads are served, and their limits",
  response: { 204: noBody("Accept-Patch and Upload-Limit tell") },
};

export const resumableStatusSchema: FastifySchema = {
  ...onUpload,
  summary: "How far a resumable upload is",
  response: {
    204: noBody("Upload-Offset, Upload-Complete, Upload-Limit and, where it is known, Upload-Length"),
    ...gone,
    ...errors,
  },
};

export const resumableAppendSchema: FastifySchema = {
  ...onUpload,
  summary: "Adds bytes to the end of a resumable upload",
  description:
    "Bytes are kept as they come, chunk by chunk, also when the connection breaks: ask for Upload-Offset and go on.",
  consumes: ["application/partial-upload"],
  headers: {
    type: "object",
    properties: {
      "upload-offset": text("Bytes that the upload has"),
      "upload-complete": complete,
      "upload-length": length,
      "upload-draft-interop-version": interop,
    },
  },
  body: content,
  response: {
    201: { description: "The upload is complete, and a file", ...progressSchema },
    204: noBody("Upload-Offset tells how many bytes the upload has now"),
    400: refusal(
      "BAD_USER_INPUT (`field`, or a problem `inconsistent-upload-length`); UPLOAD_CLOSED (a problem `completed-upload`)",
    ),
    409: refusal("OFFSET_MISMATCH: a problem `mismatching-upload-offset` with `expected-offset`"),
    415: refusal("BAD_USER_INPUT: the media type is not application/partial-upload"),
    ...gone,
    ...refusedBytes,
    ...errors,
  },
};

export const resumableCancelSchema: FastifySchema = {
  ...onUpload,
  summary: "Aborts a resumable upload",
  response: {
    204: noBody("It is gone"),
    400: refusal("UPLOAD_CLOSED: it is complete, a file (a problem `completed-upload`)"),
    ...gone,
    ...errors,
  },
};
