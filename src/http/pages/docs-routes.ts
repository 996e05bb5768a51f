import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance } from "fastify";
import type { PublicUrl } from "../public-url.ts";

const description = (
  playground: string,
) => `Files are uploaded and managed by GraphQL: open [/graphql](${playground}) in a browser for the playground and the schema's documentation. This page describes the REST side.

Errors are JSON, \`{ code, message, requestId }\`, with the same codes as GraphQL's \`extensions.code\`.`;

/** Swagger UI styles its elements one by one. */
const CSP = {
  "default-src": "'self'",
  "img-src": "'self' data:",
  "style-src": "'self' 'unsafe-inline'",
  "frame-ancestors": "'none'",
};

/** OpenAPI of the routes registered after it, as a page at `/docs` and as `/docs/json`. */
export async function registerDocs(app: FastifyInstance, publicUrl: PublicUrl): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Stowage",
        description: description(publicUrl.path("/graphql")),
        version: "0.1.0",
        license: { name: "MIT" },
      },
      servers: [{ url: publicUrl.url("") || "/" }],
      tags: [
        { name: "files", description: "The bytes of files" },
        { name: "tus", description: "Resumable uploads by the tus protocol" },
        { name: "resumable", description: "Resumable uploads by the IETF's draft" },
        { name: "health", description: "For load balancers and orchestrators" },
      ],
      components: {
        securitySchemes: {
          token: { type: "http", scheme: "bearer", description: "The token that register or login gave" },
        },
      },
    },
  });
  const indexPrefix = publicUrl.path("");
  await app.register(swaggerUi, {
    routePrefix: "/docs",
    indexPrefix,
    staticCSP: CSP,
    uiConfig: { persistAuthorization: true },
  });
}
