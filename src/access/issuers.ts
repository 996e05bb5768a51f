import { decodeJwt, decodeProtectedHeader, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";
import { ServiceUnavailableError } from "../errors.ts";
import { IssuerKeys, keyLoader } from "./issuer-keys.ts";

/** Characters of a token: what a header can carry. */
const MAX_LENGTH = 8192;
const FORM = /^[\w-]+\.[\w-]+\.[\w-]+$/;
/** Seconds by which clocks may differ. */
const TOLERANCE = 60;
const MAX_SUBJECT = 255;
/** What a token says of its own kind (RFC 9068 for the latter): a logout token, for one, lets nobody in. */
const TYPES = [undefined, "jwt", "at+jwt"];

/** Algorithms of public keys alone: a shared secret is never looked for among keys that everybody knows. */
const BY_KEY = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"];
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
  /** Names of claims; a dot leads into an object, as in `realm_access.roles`. */
  claims: {
    name?: string | undefined;
    email?: string | undefined;
    /** A claim that administrators have, such as `role=admin`: it is that value, or an array that has it. */
    admin?: string | undefined;
  };
}

/** What an issuer says of somebody. */
export interface Identity {
  issuer: string;
  subject: string;
  /** Undefined, as the others, where the token says nothing of it. */
  name: string | undefined;
  email: string | undefined;
  isAdmin: boolean | undefined;
}

/** Verifies tokens of others: JSON Web Tokens (RFC 7519), as OpenID providers issue them. */
export class Issuers {
  readonly #issuers: ReadonlyMap<string, VerifiedIssuer>;

  /** @param failed is told when an issuer's keys can't be read */
  constructor(issuers: readonly Issuer[], failed: (issuer: string, error: unknown) => void = () => {}) {
    const verified = (issuer: Issuer) => new VerifiedIssuer(issuer, (error) => failed(issuer.issuer, error));
    this.#issuers = new Map(issuers.map((issuer) => [issuer.issuer, verified(issuer)]));
  }

  /**
   * @returns null for what is no valid token of one of them
   * @throws ServiceUnavailableError where none of its issuer's keys is known yet, and it can't be asked
   */
  async verify(token: string): Promise<Identity | null> {
    if (this.#issuers.size === 0 || token.length > MAX_LENGTH || !FORM.test(token)) return null;
    try {
      const said = decodeJwt(token);
      const issuer = this.#issuers.get(said.iss ?? "");
      return issuer === undefined ? null : await issuer.verify(token, said);
    } catch (error) {
      // Whatever else is wrong with a token or a key: it lets nobody in.
      if (error instanceof ServiceUnavailableError) throw error;
      return null;
    }
  }
}

class VerifiedIssuer {
  readonly #issuer: Issuer;
  readonly #key: JWTVerifyGetKey | Uint8Array;
  readonly #algorithms: string[];

  constructor(issuer: Issuer, failed: (error: unknown) => void) {
    const { jwks = null, secret } = issuer;
    this.#issuer = issuer;
    this.#algorithms = secret === undefined ? BY_KEY : BY_SECRET;
    this.#key =
      secret === undefined ? new IssuerKeys(keyLoader(issuer.issuer, jwks), failed).find : Buffer.from(secret);
  }

  /** @param said what the token says, as long as nobody has verified it */
  async verify(token: string, said: JWTPayload): Promise<Identity | null> {
    const { issuer, audience, claims } = this.#issuer;
    if (!this.#isWorthAKey(token, said)) return null;
    const requiredClaims = ["exp", "sub"];
    const options = { issuer, audience, algorithms: this.#algorithms, clockTolerance: TOLERANCE, requiredClaims };
    const key = this.#key;
    const { payload } =
      key instanceof Uint8Array ? await jwtVerify(token, key, options) : await jwtVerify(token, key, options);
    const subject: unknown = payload.sub;
    if (!isSubject(subject)) return null;
    const text = (path: string) => {
      const value = claimOf(payload, path);
      return typeof value === "string" ? value : undefined;
    };
    const isAdmin = claims.admin === undefined ? undefined : hasClaim(payload, claims.admin);
    return {
      issuer,
      subject,
      name: text(claims.name ?? "preferred_username"),
      email: text(claims.email ?? "email"),
      isAdmin,
    };
  }

  /** Whether it could be valid, by what it says of itself: its issuer needn't be asked for a key otherwise. */
  #isWorthAKey(token: string, { exp }: JWTPayload): boolean {
    const { alg = "", typ } = decodeProtectedHeader(token);
    const isLate = typeof exp !== "number" || exp + TOLERANCE < Date.now() / 1000;
    return !isLate && this.#algorithms.includes(alg) && TYPES.includes(typ?.toLowerCase());
  }
}

/** A name that no database takes for another: MySQL passes over spaces at the end. */
function isSubject(subject: unknown): subject is string {
  if (typeof subject !== "string" || subject === "" || subject.length > MAX_SUBJECT) return false;
  return subject.isWellFormed() && subject.trim() === subject && !/\p{Cc}/u.test(subject);
}

/** @param path a claim's name, or names with dots between them that lead into objects */
function claimOf(payload: JWTPayload, path: string): unknown {
  if (Object.hasOwn(payload, path)) return payload[path];
  let value: unknown = payload;
  for (const name of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** @param wanted `claim=value`, or a claim that is true */
function hasClaim(payload: JWTPayload, wanted: string): boolean {
  const at = wanted.indexOf("=");
  const [path, value] = at === -1 ? [wanted, "true"] : [wanted.slice(0, at), wanted.slice(at + 1)];
  const found = claimOf(payload, path);
  const is = (one: unknown) => ["string", "number", "boolean"].includes(typeof one) && String(one) === value;
  return Array.isArray(found) ? found.some(is) : is(found);
}
