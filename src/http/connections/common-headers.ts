/** What a script on another origin may read of an answer, besides what each protocol adds. */
export const EXPOSED_HEADERS = [
  "accept-ranges",
  "content-disposition",
  "content-length",
  "content-range",
  "etag",
  "last-modified",
  "retry-after",
  "x-request-id",
];

export type CommonHeaders = (requestId: string, origin: string | undefined) => Record<string, string>;

/** The headers of every answer, for those that are made before a route's hooks can add them. */
export function commonHeaders(corsOrigins: readonly string[], exposed: readonly string[]): CommonHeaders {
  return (requestId, origin) => {
    const headers = { "x-request-id": requestId, "x-content-type-options": "nosniff" };
    if (corsOrigins.length === 0) return headers;
    if (origin === undefined || !corsOrigins.includes(origin)) return { ...headers, vary: "Origin" };
    const cors = { "access-control-allow-origin": origin, "access-control-expose-headers": exposed.join(", ") };
    return { ...headers, vary: "Origin", ...cors };
  };
}
