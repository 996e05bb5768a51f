import type { ApolloServer } from "@apollo/server";
import { fastifyApolloHandler } from "@as-integrations/fastify";
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Authenticator } from "../access/authenticator.ts";
import { ApiError } from "../errors.ts";
import { requestAddress } from "../http/auth/request-address.ts";
import { requestCaller } from "../http/auth/request-caller.ts";
import { requestToken } from "../http/auth/request-token.ts";
import { expectBody, inTimeOrCut } from "../http/body/parsed-body.ts";
import { RequestBodyError } from "../http/body/request-body-error.ts";
import { RequestBytes } from "../http/body/request-bytes.ts";
import { INTERNAL_ERROR_MESSAGE, statusFor } from "../http/error-mapping.ts";
import type { PublicUrl } from "../http/public-url.ts";
import type { GraphQLContext } from "./context.ts";
import { requestIds } from "./error-mapping.ts";
import { maxRequestSize, processMultipartRequest } from "./multipart/graphql-multipart.ts";
import { faultOfQuery } from "./request-limits.ts";

/** Bytes of the operations and map fields of a multipart request, each, and of a JSON body. */
const MAX_BODY_SIZE = 1024 * 1024;
/** Headers that a browser doesn't send to another origin without asking it first (a CORS preflight). */
const PREFLIGHTED_HEADERS = ["apollo-require-preflight", "x-apollo-operation-name"];
const CSRF_MESSAGE = `This request could come from any web page. Send one of the headers ${PREFLIGHTED_HEADERS.join(", ")} with a multipart request, such as 'Apollo-Require-Preflight: true'.`;

interface GraphQLRouteOptions {
  /** Bytes of a file part. */
  maxFileSize: number;
  publicUrl: PublicUrl;
}

function graphqlError(reply: FastifyReply, status: number, code: string, message: string) {
  const extensions = { code, requestId: reply.request.id };
  return reply.code(status).send({ errors: [{ message, extensions }] });
}

function isMultipart(request: FastifyRequest): boolean {
  return request.headers["content-type"]?.toLowerCase().startsWith("multipart/form-data") === true;
}

/** Serves GraphQL over HTTP at `/graphql`, JSON and multipart requests. */
export function registerGraphQLRoute(
  app: FastifyInstance,
  apollo: ApolloServer<GraphQLContext>,
  authenticator: Authenticator,
  options: GraphQLRouteOptions,
): void {
  const handler = fastifyApolloHandler(apollo, {
    context: async (request) => {
      const token = requestToken(request);
      let principal: ReturnType<GraphQLContext["principal"]> | undefined;
      return {
        requestId: request.id,
        caller: requestCaller(request),
        publicUrl: options.publicUrl,
        token,
        principal: () => {
          principal ??=
            token === undefined ? Promise.resolve(null) : authenticator.authenticate(token, requestAddress(request));
          return principal;
        },
        logError: (error, message) => request.log.error({ err: error }, message),
      };
    },
  });

  async function execute(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const { query } = (request.method === "GET" ? request.query : (request.body ?? {})) as { query?: unknown };
    const fault = faultOfQuery(query);
    if (fault !== undefined) return graphqlError(reply, 400, String(fault.extensions["code"]), fault.message);
    return requestIds.run(request.id, () => handler.call(app, request, reply));
  }

  async function handleMultipart(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    if (!PREFLIGHTED_HEADERS.some((name) => request.headers[name])) {
      // A client reads the answer only when it has sent everything.
      await new RequestBytes(request.raw, 0).drop(options.maxFileSize + MAX_BODY_SIZE);
      return graphqlError(reply, 400, "BAD_REQUEST", CSRF_MESSAGE);
    }
    const limits = { maxFieldSize: MAX_BODY_SIZE, maxFileSize: options.maxFileSize };
    if (Number(request.headers["content-length"]) > maxRequestSize(limits)) {
      void reply.header("connection", "close");
      const message = `The request is too large: a file part has at most ${options.maxFileSize} bytes.`;
      return graphqlError(reply, 413, "FILE_TOO_LARGE", message);
    }
    try {
      const { operations, finish } = await inTimeOrCut(request, processMultipartRequest(request.raw, limits));
      request.body = operations;
      try {
        return await execute(request, reply);
      } finally {
        await finish();
      }
    } catch (error) {
      if (!(error instanceof RequestBodyError)) throw error;
      return graphqlError(reply, error.status, error.code, error.message);
    }
  }

  app.register(async (scope) => {
    // The body stays a stream: the file part flows to the nodes while GraphQL runs.
    scope.addContentTypeParser("multipart/form-data", (_request, _payload, done) => done(null));
    scope.setErrorHandler((error: FastifyError | ApiError, request, reply) => {
      if (error instanceof ApiError) return graphqlError(reply, statusFor(error), error.code, error.message);
      const status = error.statusCode ?? 500;
      if (status === 415) {
        const message = "Send GraphQL as application/json, or files as multipart/form-data.";
        return graphqlError(reply, status, "BAD_REQUEST", message);
      }
      if (status < 500) return graphqlError(reply, status, "BAD_REQUEST", error.message);
      request.log.error({ err: error }, "GraphQL request failed");
      return graphqlError(reply, 500, "INTERNAL_SERVER_ERROR", INTERNAL_ERROR_MESSAGE);
    });
    scope.route({
      method: ["GET", "POST"],
      url: "/graphql",
      bodyLimit: MAX_BODY_SIZE,
      schema: { hide: true },
      preParsing: async (request, reply) => {
        if (!isMultipart(request)) await expectBody(request, reply);
      },
      handler: (request, reply) => (isMultipart(request) ? handleMultipart(request, reply) : execute(request, reply)),
    });
  });
}
