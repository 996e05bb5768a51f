import { readFile } from "node:fs/promises";
import { join } from "node:path";
import fastifyStatic from "@fastify/static";
import type { FastifyInstance } from "fastify";

/**
 * Nothing from elsewhere, nothing inline, no text that turns into code. Previews are shown from the download route,
 * whose answers have a policy of their own.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "media-src 'self'",
  "frame-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": CONTENT_SECURITY_POLICY,
  "cache-control": "no-cache",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
  "referrer-policy": "same-origin",
};

/** Serves the web page at `/`. @param folder what `vite build` made of src/web */
export async function registerPage(app: FastifyInstance, folder: string): Promise<void> {
  const page = await readFile(join(folder, "index.html"));
  app.get("/", { schema: { hide: true } }, (_request, reply) => reply.headers(HEADERS).send(page));
  // Their names hold a hash of what is in them.
  await app.register(fastifyStatic, {
    root: join(folder, "assets"),
    prefix: "/assets/",
    index: false,
    decorateReply: false,
    schemaHide: true,
    preCompressed: true,
    immutable: true,
    maxAge: "365d",
  });
}
