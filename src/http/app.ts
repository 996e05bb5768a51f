import type { AddressInfo } from "node:net";
import cors from "@fastify/cors";
import Fastify, { type FastifyBaseLogger, type FastifyError, type FastifyInstance } from "fastify";
import { v7 as uuidv7 } from "uuid";
import type { Authenticator } from "../access/authenticator.ts";
import type { Sessions } from "../access/sessions.ts";
import type { SignInService } from "../access/sign-in-service.ts";
import type { ChunkService } from "../uploads/chunk-service.ts";
import { registerSessionRoutes } from "./auth/session-routes.ts";
import { refuseCodings } from "./body/content-labels.ts";
import { registerChunkRoute } from "./chunks/chunk-route.ts";
import { BareAnswers } from "./connections/bare-answers.ts";
import { commonHeaders, EXPOSED_HEADERS } from "./connections/common-headers.ts";
import { awaitsContinue } from "./connections/expectation.ts";
import { checkHost } from "./connections/host-header.ts";
import { HttpServers, type HttpServersOptions } from "./connections/http-servers.ts";
import { type Downloads, registerDownloadRoute } from "./downloads/download-route.ts";
import { handleError, handleNotFound } from "./error-mapping.ts";
import { type Readiness, registerHealthRoutes } from "./health-routes.ts";
import { registerDocs } from "./pages/docs-routes.ts";
import { registerPage } from "./pages/page-routes.ts";
import { registerPlayground } from "./pages/playground-routes.ts";
import type { PublicUrl } from "./public-url.ts";
import { tellRefusedOrigins } from "./refused-origins.ts";
import { RequestLog } from "./request-log.ts";
import { resumableResponseHeaders } from "./resumable/resumable-headers.ts";
import { registerResumable } from "./resumable/resumable-routes.ts";
import type { SequentialServices } from "./sequential/sequential.ts";
import { tusResponseHeaders } from "./tus/tus-headers.ts";
import { registerTus } from "./tus/tus-routes.ts";

interface AppOptions extends HttpServersOptions {
  logger: FastifyBaseLogger;
  /** Whether each request gets a line in the log. */
  logRequests: boolean;
  corsOrigins: string[];
  trustProxy: boolean | string[];
  publicUrl: PublicUrl;
  authenticator: Authenticator;
  signIn: SignInService;
  sessions: Sessions;
  chunks: ChunkService;
  /** What the protocols need whose uploads come byte after byte. */
  sequential: SequentialServices;
  downloads: Downloads;
  readiness: Readiness;
  /** Folder of the built web page; undefined where it was not built. */
  pageFolder: string | undefined;
  /** Adds the GraphQL routes. */
  registerGraphQL: (app: FastifyInstance) => void;
}

const MAX_PARAM_LENGTH = 200;

interface HttpSide {
  app: FastifyInstance;
  /** Listens at each address of the host. @returns the first one's URL */
  listen(host: string, port: number): Promise<string>;
  /** Answers what had been sent, then ends all connections. */
  close(): Promise<void>;
}

/** Builds the HTTP side; it listens nowhere yet. */
export async function buildApp(options: AppOptions): Promise<HttpSide> {
  const exposed = [...new Set([...EXPOSED_HEADERS, ...tusResponseHeaders, ...resumableResponseHeaders])];
  const headersOf = commonHeaders(options.corsOrigins, exposed);
  const servers = new HttpServers(options, new BareAnswers(headersOf));
  const app = Fastify({
    loggerInstance: options.logger,
    logController: new RequestLog(options.logRequests),
    trustProxy: options.trustProxy,
    genReqId: () => uuidv7(),
    serverFactory: servers.create,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH, ignoreTrailingSlash: true },
    forceCloseConnections: "idle",
    return503OnClosing: false,
    // No hook runs for these.
    frameworkErrors: (error, request, reply) =>
      handleError(error, request, reply.headers(headersOf(request.id, request.headers.origin))),
  });
  app.addHook("onRequest", async (request, reply) => {
    void reply.header("x-request-id", request.id).header("x-content-type-options", "nosniff");
  });
  app.addHook("onSend", async ({ raw }, reply) => {
    if (servers.connections.isEnding(raw.socket) || awaitsContinue(raw)) void reply.header("connection", "close");
  });
  app.setErrorHandler((error: FastifyError | Error, request, reply) => handleError(error, request, reply));
  app.setNotFoundHandler(handleNotFound);
  // Before a preflight is answered.
  app.addHook("onRequest", tellRefusedOrigins(options.corsOrigins));
  await app.register(cors, {
    origin: options.corsOrigins,
    methods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
    exposedHeaders: exposed,
    maxAge: 600,
    strictPreflight: false,
  });
  app.addHook("onRequest", async (request) => {
    checkHost(request);
    refuseCodings(request);
  });
  await registerDocs(app, options.publicUrl);
  await registerPlayground(app, options.publicUrl);
  registerHealthRoutes(app, options.authenticator, options.readiness);
  registerDownloadRoute(app, options.downloads);
  registerChunkRoute(app, options.authenticator, options.chunks);
  registerTus(app, options.authenticator, options.sequential);
  registerResumable(app, options.authenticator, options.sequential);
  options.registerGraphQL(app);
  registerSessionRoutes(app, options.signIn, options.sessions);
  if (options.pageFolder !== undefined) await registerPage(app, options.pageFolder);
  else {
    app.get("/", { schema: { hide: true } }, (_request, reply) => reply.redirect(options.publicUrl.path("/graphql")));
  }
  await app.ready();
  return {
    app,
    async listen(host, port) {
      const url = await app.listen({ host, port });
      await servers.listenFurther(host, app.server.address() as AddressInfo);
      return url;
    },
    async close() {
      // Before Fastify knows: from then on, it ends each connection with its next answer.
      await servers.close();
      await app.close();
    },
  };
}
