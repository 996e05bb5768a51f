import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from "fastify";
import type { Authenticator } from "../../access/authenticator.ts";
import type { ErrorCode } from "../../errors.ts";
import { checksumAlgorithms } from "../../uploads/body-checksum.ts";
import { keepBodyAsStream } from "../body/content-labels.ts";
import { handleError } from "../error-mapping.ts";
import { hidden } from "../openapi.ts";
import { header } from "../request-header.ts";
import {
  documentationOnly,
  handleSequential,
  type SequentialHandler,
  type SequentialServices,
} from "../sequential/sequential.ts";
import { StatusError } from "../status-error.ts";
import { appendToTusUpload } from "./append-to-upload.ts";
import { createTusUpload } from "./create-upload.ts";
import { terminateUpload } from "./terminate-upload.ts";
import { namingHeader, TUS_EXTENSIONS, TUS_VERSION } from "./tus-headers.ts";
import {
  tusAppendSchema,
  tusCreateSchema,
  tusOptionsSchema,
  tusStatusSchema,
  tusTerminateSchema,
} from "./tus-schema.ts";
import { tellTusStatus } from "./upload-status.ts";

/** Statuses that tus gives to codes, unlike the rest of the REST side. */
const STATUSES: Partial<Record<ErrorCode, number>> = { UPLOAD_CLOSED: 410, CHUNK_DIGEST_MISMATCH: 460 };

interface Resource {
  url: string;
  handlers: Record<string, SequentialHandler>;
  /** Schemas by method; one without a handler is served only for X-HTTP-Method-Override. */
  schemas: Record<string, FastifySchema>;
}

const resources: Resource[] = [
  {
    url: "/tus",
    handlers: { POST: createTusUpload },
    schemas: { POST: tusCreateSchema, OPTIONS: tusOptionsSchema },
  },
  {
    url: "/tus/:id",
    handlers: { HEAD: tellTusStatus, PATCH: appendToTusUpload, DELETE: terminateUpload },
    schemas: {
      HEAD: tusStatusSchema,
      PATCH: tusAppendSchema,
      DELETE: tusTerminateSchema,
      OPTIONS: hidden(),
      POST: hidden(),
    },
  },
];

/** The tus resumable upload protocol 1.0.0, https://tus.io/protocols/resumable-upload; comments name its sections. */
export function registerTus(app: FastifyInstance, authenticator: Authenticator, services: SequentialServices): void {
  app.register(async (scope) => {
    keepBodyAsStream(scope);
    scope.setErrorHandler((error: FastifyError | Error, request, reply) =>
      handleError(namingHeader(error), request, reply, STATUSES),
    );
    // Not in the handlers: it is for refused requests and for preflights too, which CORS answers before them.
    scope.addHook("onSend", async (request, reply) => {
      void reply.header("tus-resumable", TUS_VERSION);
      if (methodOf(request) === "OPTIONS") void reply.headers(configuration(services));
    });
    for (const { url, handlers, schemas } of resources) {
      const handler = (request: FastifyRequest, reply: FastifyReply) =>
        dispatch(handlers, request, reply, authenticator, services);
      const config = { swagger: { exposeHeadRoute: true } };
      for (const [method, schema] of Object.entries(schemas)) {
        scope.route({ method, url, schema, handler, config, ...documentationOnly });
      }
    }
  });
}

/** Section "X-HTTP-Method-Override": the request's own method doesn't count then. */
function methodOf(request: FastifyRequest): string {
  return header(request, "x-http-method-override")?.toUpperCase() ?? request.method;
}

async function dispatch(
  handlers: Record<string, SequentialHandler>,
  request: FastifyRequest,
  reply: FastifyReply,
  authenticator: Authenticator,
  services: SequentialServices,
): Promise<FastifyReply> {
  const method = methodOf(request);
  if (method === "OPTIONS") return reply.code(204).send();
  const handle = Object.hasOwn(handlers, method) ? handlers[method] : undefined;
  if (handle === undefined) {
    const served = [...Object.keys(handlers), "OPTIONS"].join(", ");
    void reply.header("allow", served);
    throw new StatusError(405, "BAD_USER_INPUT", `${method} is not served here, but ${served}.`);
  }
  // Section "Tus-Resumable": otherwise the request must not be processed.
  if (header(request, "tus-resumable") !== TUS_VERSION) {
    void reply.header("tus-version", TUS_VERSION);
    throw new StatusError(412, "BAD_USER_INPUT", `This server speaks tus ${TUS_VERSION}: say so as Tus-Resumable.`);
  }
  return handleSequential(handle, request, reply, authenticator, services);
}

/** Section "OPTIONS". */
function configuration({ maxFileSize }: SequentialServices): Record<string, string> {
  return {
    "tus-version": TUS_VERSION,
    "tus-extension": TUS_EXTENSIONS.join(","),
    "tus-max-size": String(maxFileSize),
    "tus-checksum-algorithm": checksumAlgorithms.join(","),
  };
}
