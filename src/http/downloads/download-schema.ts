import type {} from "@fastify/swagger";
import type { FastifySchema } from "fastify";
import { bytesOf, noBody, refusal } from "../openapi.ts";

/** A new one for each route, because Fastify marks those that it has seen. */
export function downloadSchema(method: "GET" | "HEAD"): FastifySchema {
  const isGet = method === "GET";
  return {
    summary: isGet ? "Download a file, or ranges of it" : "The headers that a download would have",
    description:
      "Sign in with `Authorization: Bearer <token>`, or give the secret of a download link. " +
      "Every byte is verified before it is sent; when no good copy can be had midway, the connection is cut.",
    tags: ["files"],
    security: [{ token: [] }, {}],
    params: { type: "object", properties: { id: { type: "string", description: "The file's id." } } },
    querystring: {
      type: "object",
      properties: {
        secret: { type: "string", description: "A download link's secret, in place of a token." },
        disposition: { type: "string", enum: ["attachment", "inline"], default: "attachment" },
      },
    },
    headers: {
      type: "object",
      properties: {
        ...(isGet && {
          range: { type: "string", description: "Byte ranges, such as `bytes=0-99,-1`; 32 at most." },
          "if-range": { type: "string", description: "Honour Range only for this ETag or Last-Modified." },
        }),
        "if-match": { type: "string" },
        "if-none-match": { type: "string" },
        "if-modified-since": { type: "string" },
        "if-unmodified-since": { type: "string" },
      },
    },
    response: {
      200: isGet ? bytesOf("The whole file.", "application/octet-stream") : noBody("The file can be downloaded."),
      ...(isGet && {
        206: bytesOf("The ranges asked for.", "application/octet-stream", "multipart/byteranges"),
        416: noBody("None of the ranges lies in the file, or there are too many; Content-Range tells its size."),
      }),
      304: noBody("The client's copy is current."),
      412: noBody("If-Match or If-Unmodified-Since doesn't hold."),
      400: refusal("A query parameter makes no sense (BAD_USER_INPUT)."),
      403: refusal("The token lacks a scope, `needed` (FORBIDDEN)."),
      401: refusal("Neither a token nor a secret that holds (UNAUTHENTICATED)."),
      404: refusal("No such file, for this client (NOT_FOUND)."),
      ...(isGet && {
        503: refusal("The bytes or the database can't be read at the moment (DATA_UNAVAILABLE, SERVICE_UNAVAILABLE)."),
      }),
    },
  };
}
