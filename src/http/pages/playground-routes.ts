import fastifyStatic from "@fastify/static";
import { getDistDirectory, isSandboxFrame, renderAltair, renderInitSnippet, SANDBOX_FRAME_CSP } from "altair-static";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { PublicUrl } from "../public-url.ts";
import { FIRST_QUERIES, FIRST_VARIABLES } from "./playground-queries.ts";

const ASSETS = "/altair/";
// Altair compiles templates and styles at run time; everything still comes from this origin alone.
const CSP =
  "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'self'";

/** Altair has no setting for it: its banners offer a paid service of its makers', and nothing else. */
const NO_ADVERTISEMENT = "<style>app-banner-container { display: none }</style>";
const INITIAL_OPTIONS = `${ASSETS}initial_options.js`;

/** A browser's navigation to `/graphql`, rather than a GraphQL query by GET. */
function asksForPlayground({ method, headers, query }: FastifyRequest): boolean {
  const wantsHtml = headers.accept?.includes("text/html") ?? false;
  return method === "GET" && wantsHtml && (query as Record<string, unknown>)["query"] === undefined;
}

export async function registerPlayground(app: FastifyInstance, publicUrl: PublicUrl): Promise<void> {
  const options = {
    baseURL: publicUrl.path(ASSETS),
    endpointURL: publicUrl.path("/graphql"),
    initialQuery: FIRST_QUERIES,
    initialVariables: FIRST_VARIABLES,
    disableAccount: true,
    initialHeaders: { "Apollo-Require-Preflight": "true" },
    serveInitialOptionsInSeperateRequest: publicUrl.path(INITIAL_OPTIONS),
  };
  const page = renderAltair(options).replace("</head>", `${NO_ADVERTISEMENT}</head>`);
  const initialOptions = renderInitSnippet(options);

  app.addHook("onRequest", async (request, reply) => {
    if (request.routeOptions.url !== "/graphql" || !asksForPlayground(request)) return;
    return reply.type("text/html; charset=utf-8").header("content-security-policy", CSP).send(page);
  });
  app.get(INITIAL_OPTIONS, { schema: { hide: true } }, async (_request, reply) =>
    reply.type("text/javascript; charset=utf-8").send(initialOptions),
  );
  await app.register(fastifyStatic, {
    root: getDistDirectory(),
    prefix: ASSETS,
    index: false,
    decorateReply: false,
    schemaHide: true,
    setHeaders: (reply, path) => {
      if (isSandboxFrame(path)) void reply.header("content-security-policy", SANDBOX_FRAME_CSP);
    },
  });
}
