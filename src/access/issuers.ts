import { readFileSync } from "node:fs";
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  decodeJwt,
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from "jose";
import { ServiceUnavailableError } from "../errors.ts";

/** Characters of a token: what a header can carry. */
const MAX_LENGTH = 8192;
const FORM = /^[\w-]+\.[\w-]+\.[\w-]+$/;
/** Seconds by which clocks may differ. */
const TOLERANCE = 60;
const FETCH_TIMEOUT_MS = 5_000;
/** Between two looks for a key that isn't known. */
const COOL_DOWN_MS = 30_000;
const MAX_NAME = 255;

/** By public key alone: a shared secret is never looked for among keys that everybody knows. */
const BY_KEY = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];
const BY_SECRET = ["HS256"];

export interface Issuer {
  /** `iss` of its tokens. */
  issuer: string;
  /** `aud` of its tokens. */
  audience: string;
  /** Where its keys are: an http URL, or `file:` and a path; found by OpenID discovery where it is left out. */
  jwks?: string | undefined;
  /** A secret shared with it, in place of keys. */
  secret?: string | undefined;
  claims: {
    name?: string | undefined;
    email?: string | undefined;
    /** A claim that administrators have, such as `role=admin`: it is that text, or an array that has it. */
    admin?: string | undefined;
  };
}

/** What an issuer says of somebody. */
export interface Identity {
  issuer: string;
  subject: string;
  name: string | undefined;
  email: string | undefined;
  /** Undefined where the issuer says nothing of it. */
  isAdmin: boolean | undefined;
}

/** Verifies tokens of others: JSON Web Tokens (RFC 7519), as OpenID providers issue them. */
export class Issuers {
  readonly #issuers: ReadonlyMap<string, VerifiedIssuer>;

  constructor(issuers: readonly Issuer[]) {
    this.#issuers = new Map(issuers.map((issuer) => [issuer.issuer, new VerifiedIssuer(issuer)]));
  }

  /**
   * @returns null for what is no valid token of one of them
   * @throws ServiceUnavailableError where its key isn't known, and its issuer is away
   */
  async verify(token: string): Promise<Identity | null> {
    if (this.#issuers.size === 0 || token.length > MAX_LENGTH || !FORM.test(token)) return null;
    try {
      const issuer = this.#issuers.get(decodeJwt(token).iss ?? "");
      return issuer === undefined ? null : await issuer.verify(token);
    } catch (error) {
      if (error instanceof errors.JOSEError) return null;
      throw error;
    }
  }
}

class VerifiedIssuer {
  readonly #issuer: Issuer;
  #key: Promise<JWTVerifyGetKey | Uint8Array> | undefined;

  constructor(issuer: Issuer) {
    this.#issuer = issuer;
  }

  async verify(token: string): Promise<Identity | null> {
    const { issuer, audience, secret, claims } = this.#issuer;
    const algorithms = secret === undefined ? BY_KEY : BY_SECRET;
    const options = { issuer, audience, algorithms, clockTolerance: TOLERANCE, requiredClaims: ["exp", "sub"] };
    const key = await this.#keyOf();
    const { payload } =
      key instanceof Uint8Array ? await jwtVerify(token, key, options) : await jwtVerify(token, key, options);
    const { sub: subject = "" } = payload;
    if (subject === "" || subject.length > MAX_NAME) return null;
    const [name, email] = [
      textOf(payload, claims.name ?? "preferred_username"),
      textOf(payload, claims.email ?? "email"),
    ];
    return {
      issuer,
      subject,
      name,
      email,
      isAdmin: claims.admin === undefined ? undefined : hasClaim(payload, claims.admin),
    };
  }

  #keyOf(): Promise<JWTVerifyGetKey | Uint8Array> {
    // What failed, such as discovery, is tried again by the next token.
    this.#key ??= this.#find().catch((error) => {
      this.#key = undefined;
      throw error;
    });
    return this.#key;
  }

  async #find(): Promise<JWTVerifyGetKey | Uint8Array> {
    const { issuer, jwks, secret } = this.#issuer;
    if (secret !== undefined) return Buffer.from(secret);
    if (jwks?.startsWith("file:")) {
      return createLocalJWKSet(JSON.parse(readFileSync(jwks.slice("file:".length), "utf8")));
    }
    return keysAt(new URL(jwks ?? (await discover(issuer))));
  }
}

/** OpenID Connect Discovery 1.0, section 4. */
async function discover(issuer: string): Promise<string> {
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS), redirect: "error" });
    const found = (await response.json()) as { issuer?: unknown; jwks_uri?: unknown };
    if (found.issuer === issuer && typeof found.jwks_uri === "string") return found.jwks_uri;
    throw new Error(`${url} describes another issuer.`);
  } catch (cause) {
    throw issuerAway(cause);
  }
}

/** The keys at a URL, looked for anew when one isn't known. Those that are known hold while the URL can't be reached. */
function keysAt(url: URL): JWTVerifyGetKey {
  const remote = createRemoteJWKSet(url, { timeoutDuration: FETCH_TIMEOUT_MS, cooldownDuration: COOL_DOWN_MS });
  let known: JSONWebKeySet | undefined;
  return async (header, token) => {
    try {
      const key = await remote(header, token);
      known = remote.jwks();
      return key;
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) throw error;
      if (known === undefined) throw issuerAway(error);
      try {
        return await createLocalJWKSet(known)(header, token);
      } catch {
        throw issuerAway(error);
      }
    }
  };
}

function issuerAway(cause: unknown): ServiceUnavailableError {
  return new ServiceUnavailableError("Whoever issued this token can't be asked for its key at the moment.", cause);
}

function textOf(payload: JWTPayload, claim: string): string | undefined {
  const value = payload[claim];
  return typeof value === "string" ? value : undefined;
}

/** @param wanted `claim=value` */
function hasClaim(payload: JWTPayload, wanted: string): boolean {
  const [claim = "", value = "true"] = wanted.split("=", 2);
  const found = payload[claim];
  return Array.isArray(found) ? found.includes(value) : String(found) === value;
}
