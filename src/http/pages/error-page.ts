import type { FastifyReply, FastifyRequest } from "fastify";

const CSP = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox";

/** The JSON that a program gets. */
interface ErrorFacts {
  code: string;
  message: string;
  requestId: string;
}

/** Sends the error, with a status that is set already: as a page to whom opened a file's link in a browser, else as JSON. */
export function sendError(request: FastifyRequest, reply: FastifyReply, error: ErrorFacts): FastifyReply {
  const isLink = request.method === "GET" && request.url.startsWith("/files/download/");
  if (!isLink || !isForBrowser(request, reply)) return reply.send(error);
  return sendPage(reply, "This file can't be had", fileAdvice(reply, error));
}

/** Sends that there is nothing at the address: as a page to whom opened it in a browser, else as JSON. */
export function sendNotFound(request: FastifyRequest, reply: FastifyReply, error: ErrorFacts): FastifyReply {
  if (request.method !== "GET" || !isForBrowser(request, reply)) return reply.code(404).send(error);
  const path = request.url.split("?", 1)[0] ?? "";
  const reasons = [`Stowage has no page at ${path}.`, "Its own page is at the beginning of this address."];
  return sendPage(reply.code(404), "There is nothing here", reasons);
}

/** Whether a browser asks, to show the answer. */
function isForBrowser(request: FastifyRequest, reply: FastifyReply): boolean {
  void reply.header("vary", [reply.getHeader("vary"), "accept"].flat().filter(Boolean).join(", "));
  return request.headers.accept?.includes("text/html") === true;
}

function fileAdvice(reply: FastifyReply, { message, requestId }: ErrorFacts): string[] {
  const isPassing = reply.statusCode === 429 || reply.statusCode >= 500;
  const advice = isPassing
    ? `Try again in a little while. If that doesn't help, tell whoever runs this service: request ${requestId}.`
    : "Ask whoever sent you the link for a new one, or sign in if the file is yours.";
  // That message tells a program how to send its token.
  const reason = reply.statusCode === 401 ? "Only its owner may open it without a link." : message;
  return [reason, advice];
}

function sendPage(reply: FastifyReply, title: string, paragraphs: readonly string[]): FastifyReply {
  const escaped = (text: string) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
  const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>body { font: 1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 20vh auto 0; padding: 0 1.5rem }</style>
<h1>${title}</h1>
${paragraphs.map((text) => `<p>${escaped(text)}</p>`).join("\n")}
</html>
`;
  const headers = { "content-type": "text/html; charset=utf-8", "content-security-policy": CSP };
  return reply.headers(headers).send(page);
}
