import fastifyStatic from "@fastify/static";
import { getDistDirectory, isSandboxFrame, renderAltair, renderInitSnippet, SANDBOX_FRAME_CSP } from "altair-static";
import type { FastifyInstance, FastifyRequest } from "fastify";

const ASSETS = "/altair/";
const FIRST_QUERY = `# Stowage's playground. Register (or log in), then put the token under Headers (the first icon at the left):
#   Authorization: Bearer <token>
# Files: choose "Add files" under Variables, and name the variable of uploadChunk's Upload! argument.

mutation Register {
  register(input: { username: "ada", email: "ada@example.org", password: "correct horse" }) {
    token
    user {
      id
      username
    }
  }
}

query Me {
  me {
    username
  }
  files(first: 10) {
    nodes {
      id
      filename
      size
      downloadUrl
    }
  }
}
`;
// Altair compiles templates and styles at run time; everything still comes from this origin alone.
const CSP =
  "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'self'";

const options = {
  baseURL: ASSETS,
  endpointURL: "/graphql",
  initialQuery: FIRST_QUERY,
  disableAccount: true,
  initialHeaders: { "Apollo-Require-Preflight": "true" },
  serveInitialOptionsInSeperateRequest: `${ASSETS}initial_options.js`,
};

/** A browser's navigation to `/graphql`, rather than a GraphQL query by GET. */
export function asksForPlayground({ method, headers, query }: FastifyRequest): boolean {
  const wantsHtml = headers.accept?.includes("text/html") ?? false;
  return method === "GET" && wantsHtml && (query as Record<string, unknown>)["query"] === undefined;
}

export async function registerPlayground(app: FastifyInstance): Promise<void> {
  const page = renderAltair(options);
  const initialOptions = renderInitSnippet(options);

  app.addHook("onRequest", async (request, reply) => {
    if (request.routeOptions.url !== "/graphql" || !asksForPlayground(request)) return;
    return reply.type("text/html; charset=utf-8").header("content-security-policy", CSP).send(page);
  });
  app.get(options.serveInitialOptionsInSeperateRequest, { schema: { hide: true } }, async (_request, reply) =>
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
