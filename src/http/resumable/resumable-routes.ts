import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from "fastify";
import type { Authenticator } from "../../access/authenticator.ts";
import type { ErrorCode } from "../../errors.ts";
import { keepBodyAsStream } from "../body/content-labels.ts";
import { handleError } from "../error-mapping.ts";
import { hidden } from "../openapi.ts";
import {
  documentationOnly,
  handleSequential,
  type SequentialHandler,
  type SequentialServices,
} from "../sequential/sequential.ts";
import { appendToResumableUpload } from "./append-to-upload.ts";
import { cancelUpload } from "./cancel-upload.ts";
import { createResumableUpload } from "./create-upload.ts";
import { PARTIAL_UPLOAD, uploadLimit } from "./resumable-headers.ts";
import {
  resumableAppendSchema,
  resumableCancelSchema,
  resumableCreateSchema,
  resumableOptionsSchema,
  resumableStatusSchema,
} from "./resumable-schema.ts";
import { PROBLEM_JSON, UploadProblem } from "./upload-problem.ts";
import { tellResumableStatus } from "./upload-status.ts";

/** Statuses that the draft gives to codes, unlike the rest of the REST side. */
const STATUSES: Partial<Record<ErrorCode, number>> = { UPLOAD_CLOSED: 410 };

interface Route {
  method: string;
  url: string;
  schema: FastifySchema;
  handle: SequentialHandler;
}

const COLLECTION = "/uploads/resumable";
const RESOURCE = "/uploads/resumable/:id";

const routes: Route[] = [
  { method: "POST", url: COLLECTION, schema: resumableCreateSchema, handle: createResumableUpload },
  { method: "HEAD", url: RESOURCE, schema: resumableStatusSchema, handle: tellResumableStatus },
  { method: "PATCH", url: RESOURCE, schema: resumableAppendSchema, handle: appendToResumableUpload },
  { method: "DELETE", url: RESOURCE, schema: resumableCancelSchema, handle: cancelUpload },
];

/** Resumable uploads for HTTP, draft-ietf-httpbis-resumable-upload; comments name its sections. */
export function registerResumable(
  app: FastifyInstance,
  authenticator: Authenticator,
  services: SequentialServices,
): void {
  app.register(async (scope) => {
    keepBodyAsStream(scope);
    scope.setErrorHandler((error: FastifyError | Error, request, reply) => {
      if (error instanceof UploadProblem) void reply.type(PROBLEM_JSON).headers(error.headers);
      return handleError(error, request, reply, STATUSES);
    });
    // Not in the handlers: it is for refused requests and for preflights too, which CORS answers before them.
    scope.addHook("onSend", async ({ method }, reply) => {
      if (method === "OPTIONS" || reply.statusCode === 415) void reply.header("accept-patch", PARTIAL_UPLOAD);
      if (method === "OPTIONS" || reply.statusCode === 413) {
        void reply.header("upload-limit", uploadLimit(services.maxFileSize));
      }
    });
    const config = { swagger: { exposeHeadRoute: true } };
    for (const { handle, ...route } of routes) {
      const handler = (request: FastifyRequest, reply: FastifyReply) =>
        handleSequential(handle, request, reply, authenticator, services);
      scope.route({ ...route, handler, config, ...documentationOnly });
    }
    const tell = (_request: FastifyRequest, reply: FastifyReply) => reply.code(204).send();
    scope.route({
      method: "OPTIONS",
      url: COLLECTION,
      schema: resumableOptionsSchema,
      handler: tell,
      ...documentationOnly,
    });
    scope.route({ method: "OPTIONS", url: RESOURCE, schema: hidden(), handler: tell, ...documentationOnly });
  });
}
