import cors from "@fastify/cors";
import Fastify, { type FastifyBaseLogger, type FastifyError, type FastifyInstance } from "fastify";
import { v7 as uuidv7 } from "uuid";
import type { AccountService } from "../accounts/account-service.ts";
import type { ChunkService } from "../uploads/chunk-service.ts";
import { registerChunkRoute } from "./chunk-route.ts";
import { registerDocs } from "./docs-routes.ts";
import { type Downloads, registerDownloadRoute } from "./download-route.ts";
import { handleError, handleNotFound, handleParserError } from "./error-mapping.ts";
import { closeGracefully } from "./graceful-close.ts";
import { type Readiness, registerHealthRoutes } from "./health-routes.ts";
import { dropSilentClients } from "./idle-timeout.ts";
import { registerPage } from "./page-routes.ts";
import { registerPlayground } from "./playground-routes.ts";
import { RequestLog } from "./request-log.ts";
import { resumableResponseHeaders } from "./resumable/resumable-headers.ts";
import { registerResumable } from "./resumable/resumable-routes.ts";
import { registerSessionRoutes } from "./session-routes.ts";
import { tusResponseHeaders } from "./tus/tus-headers.ts";
import { registerTus } from "./tus/tus-routes.ts";
import type { TusServices } from "./tus/tus-services.ts";

export interface AppOptions {
  logger: FastifyBaseLogger;
  /** Whether each request gets a line in the log. */
  logRequests: boolean;
  corsOrigins: string[];
  trustProxy: boolean;
  /** Milliseconds after which a connection is dropped on which the client neither sends nor takes anything. */
  idleTimeoutMs: number;
  accounts: AccountService;
  chunks: ChunkService;
  /** What the protocols need whose uploads come byte behind byte. */
  sequential: TusServices;
  downloads: Downloads;
  readiness: Readiness;
  /** Where the built web page is; undefined where it was not built. */
  pageFolder: string | undefined;
  /** Adds the GraphQL routes. */
  registerGraphQL: (app: FastifyInstance) => void;
}

const HEADERS_TIMEOUT_MS = 60_000;
const MAX_PARAM_LENGTH = 200;
/** What a script on another origin may read of an answer. */
const EXPOSED_HEADERS = [
  "accept-ranges",
  "content-disposition",
  "content-length",
  "content-range",
  "etag",
  "last-modified",
  "retry-after",
  "x-request-id",
];

/** Builds the HTTP side; it listens nowhere yet. */
export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: options.logger,
    logController: new RequestLog(options.logRequests),
    trustProxy: options.trustProxy,
    genReqId: () => uuidv7(),
    // A slow client may take as long as it likes, as long as it moves; dropSilentClients sees to the others.
    requestTimeout: 0,
    keepAliveTimeout: options.idleTimeoutMs,
    http: { headersTimeout: HEADERS_TIMEOUT_MS },
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH, ignoreTrailingSlash: true },
    forceCloseConnections: "idle",
    return503OnClosing: false,
    clientErrorHandler: handleParserError,
    frameworkErrors: handleError,
  });
  dropSilentClients(app.server, options.idleTimeoutMs);
  closeGracefully(app);
  app.addHook("onRequest", async (request, reply) => {
    void reply.header("x-request-id", request.id).header("x-content-type-options", "nosniff");
  });
  app.setErrorHandler((error: FastifyError | Error, request, reply) => handleError(error, request, reply));
  app.setNotFoundHandler(handleNotFound);
  await app.register(cors, {
    origin: options.corsOrigins,
    methods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
    exposedHeaders: [...new Set([...EXPOSED_HEADERS, ...tusResponseHeaders, ...resumableResponseHeaders])],
    maxAge: 600,
    strictPreflight: false,
  });
  await registerDocs(app);
  await registerPlayground(app);
  registerHealthRoutes(app, options.readiness);
  registerDownloadRoute(app, options.downloads);
  registerChunkRoute(app, options.accounts, options.chunks);
  registerTus(app, options.accounts, options.sequential);
  registerResumable(app, options.accounts, options.sequential);
  options.registerGraphQL(app);
  registerSessionRoutes(app, options.accounts);
  if (options.pageFolder !== undefined) await registerPage(app, options.pageFolder);
  else app.get("/", { schema: { hide: true } }, (_request, reply) => reply.redirect("/graphql"));
  await app.ready();
  return app;
}
