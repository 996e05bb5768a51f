import { readFileSync } from "node:fs";
import { z } from "zod";

/** Shorter ones can be guessed (RFC 7518 section 3.2). */
const MIN_SECRET_BYTES = 32;

function isKeyFile(text: string): boolean {
  try {
    return text.startsWith("file:") && Array.isArray(JSON.parse(readFileSync(text.slice("file:".length), "utf8")).keys);
  } catch {
    return false;
  }
}

function isUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return /^https?:$/.test(protocol) && username + password === "";
}

const issuer = z
  .strictObject({
    issuer: z.string().min(1).max(255),
    audience: z.string().min(1),
    jwks: z.union([z.string().refine(isUrl), z.string().refine(isKeyFile)]).optional(),
    secret: z
      .string()
      .refine((text) => Buffer.byteLength(text) >= MIN_SECRET_BYTES)
      .optional(),
    claims: z
      .strictObject({ name: z.string().min(1), email: z.string().min(1), admin: z.string().regex(/^[^=]+(=.+)?$/) })
      .partial()
      .default({}),
  })
  .refine(({ jwks, secret }) => jwks === undefined || secret === undefined)
  // What is to be discovered is at the issuer's own address.
  .refine(({ issuer: name, jwks, secret }) => jwks !== undefined || secret !== undefined || isUrl(name));

/** Somebody whose tokens sign people in. */
export type IssuerConfig = z.infer<typeof issuer>;

const TAKES =
  'a JSON array, or file:<path> of one, of objects with issuer, audience, either jwks (an http URL, or file:<path>; where it and secret are left out, it is found by OpenID discovery) or secret (32 bytes at least), and claims such as {"name":"preferred_username","email":"email","admin":"role=admin"}';

function parseIssuers(text: string): IssuerConfig[] | undefined {
  try {
    const json = text.startsWith("file:") ? readFileSync(text.slice("file:".length), "utf8") : text;
    const parsed = z.array(issuer).safeParse(JSON.parse(json));
    if (!parsed.success) return undefined;
    const names = new Set(parsed.data.map((one) => one.issuer));
    return names.size === parsed.data.length ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** Whose tokens sign people in, besides our own. */
export const authIssuers = z
  .string()
  .default("[]")
  .transform((text, context) => {
    const issuers = parseIssuers(text.trim());
    if (issuers !== undefined) return issuers;
    context.addIssue({ code: "custom", message: TAKES });
    return z.NEVER;
  });
