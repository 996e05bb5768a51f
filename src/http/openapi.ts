/*
 * Parts of the REST side's OpenAPI schemas. Where a route checks and writes by itself they are documentation; a test holds what
 * it answers against them.
 */

export const integer = (description: string) => ({ type: "integer", description }) as const;

export const text = (description: string) => ({ type: "string", description }) as const;

/** Bytes in a request's body. */
export const bytes = (description: string) => ({ type: "string", format: "binary", description }) as const;

/** Bytes in an answer's body, by their media types. */
export const bytesOf = (description: string, ...mediaTypes: string[]) => ({
  description,
  content: Object.fromEntries(mediaTypes.map((type) => [type, { schema: { type: "string", format: "binary" } }])),
});

/** An answer without a body. */
export const noBody = (description: string) => ({ description, type: "null" }) as const;

/** A refusal. @param description begins with the codes that it may have */
export const refusal = (description: string) =>
  ({
    description,
    type: "object",
    additionalProperties: true,
    required: ["code", "message", "requestId"],
    properties: { code: { type: "string" }, message: { type: "string" }, requestId: { type: "string" } },
  }) as const;

/** A new one for each route, because Fastify marks those that it has seen. */
export const hidden = () => ({ hide: true });
