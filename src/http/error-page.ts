import type { FastifyReply, FastifyRequest } from "fastify";

const CSP = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox";

/** Whether somebody opened a file's link in a browser, and will read the answer. */
export function wantsPage({ method, url, headers }: FastifyRequest): boolean {
  return method === "GET" && url.startsWith("/files/download/") && headers.accept?.includes("text/html") === true;
}

/** Answers a person. @param message as the JSON has it */
export function sendErrorPage(reply: FastifyReply, message: string): FastifyReply {
  const escaped = message.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
  const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>This file can't be had</title>
<style>body { font: 1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 20vh auto 0; padding: 0 1.5rem }</style>
<h1>This file can't be had</h1>
<p>${escaped}</p>
<p>Ask whoever sent you the link for a new one, or sign in if the file is yours.</p>
</html>
`;
  const headers = { "content-type": "text/html; charset=utf-8", "content-security-policy": CSP, vary: "accept" };
  return reply.headers(headers).send(page);
}
