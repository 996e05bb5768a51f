import { readFile } from "node:fs/promises";
import { createLocalJWKSet, errors, type JWTVerifyGetKey } from "jose";
import { ServiceUnavailableError } from "../errors.ts";

const FETCH_TIMEOUT_MS = 5_000;
/** Bytes of what an issuer may answer. */
const MAX_ANSWER = 1024 * 1024;
/** Age at which known keys are read anew, beside the requests. */
const FRESH_MS = 10 * 60_000;
/** Between two looks for a key that isn't known, whether the first succeeded or not. */
const COOL_DOWN_MS = 30_000;
/** The same while no key at all is known. */
const FIRST_COOL_DOWN_MS = 5_000;

/**
 * An issuer's keys, at a URL or in a file. Known keys are used without waiting, also while they can't be read anew. A token that
 * names an unknown key causes a look every 30 s at most; while none is known, every 5 s.
 */
export class IssuerKeys {
  readonly #load: () => Promise<string>;
  readonly #failed: (error: unknown) => void;
  #find: JWTVerifyGetKey | undefined;
  #loadedAt = 0;
  #triedAt = Number.NEGATIVE_INFINITY;
  #loading: Promise<void> | undefined;

  /**
   * @param load reads the JSON of a key set (RFC 7517)
   * @param failed is told when that can't be done
   */
  constructor(load: () => Promise<string>, failed: (error: unknown) => void) {
    this.#load = load;
    this.#failed = failed;
  }

  /** @throws JOSEError when there is no such key, ServiceUnavailableError when none is known yet */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    if (this.#find !== undefined && Date.now() - this.#loadedAt > FRESH_MS) void this.#look();
    const known = this.#find;
    if (known !== undefined) {
      try {
        return await known(header, token);
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      }
    }
    await this.#look();
    if (this.#find === undefined) {
      throw new ServiceUnavailableError("Whoever issued this token can't be asked for its key at the moment.");
    }
    return this.#find(header, token);
  };

  /** Reads the keys, if it isn't too early to try. Never rejects. */
  async #look(): Promise<void> {
    const coolDownMs = this.#find === undefined ? FIRST_COOL_DOWN_MS : COOL_DOWN_MS;
    if (this.#loading === undefined && Date.now() - this.#triedAt >= coolDownMs) {
      this.#triedAt = Date.now();
      this.#loading = this.#read().finally(() => {
        this.#loading = undefined;
      });
    }
    await this.#loading;
  }

  async #read(): Promise<void> {
    try {
      this.#find = createLocalJWKSet(JSON.parse(await this.#load()));
      this.#loadedAt = Date.now();
    } catch (error) {
      this.#failed(error);
    }
  }
}

/** @param jwks an http URL, or `file:` and a path; null to find it by OpenID Connect Discovery 1.0, section 4 */
export function keyLoader(issuer: string, jwks: string | null): () => Promise<string> {
  if (jwks?.startsWith("file:")) return () => readFile(jwks.slice("file:".length), "utf8");
  return async () => fetchText(jwks ?? (await discover(issuer)));
}

async function discover(issuer: string): Promise<string> {
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const found = JSON.parse(await fetchText(url)) as { issuer?: unknown; jwks_uri?: unknown };
  if (found.issuer !== issuer) throw new Error(`${url} is about the issuer ${String(found.issuer)}, not ${issuer}.`);
  const { protocol } = new URL(String(found.jwks_uri));
  if (protocol === "https:" || (protocol === "http:" && issuer.startsWith("http:"))) return String(found.jwks_uri);
  throw new Error(`${url} names no http URL for its keys.`);
}

async function fetchText(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS), redirect: "error" });
  if (!response.ok || response.body === null) throw new Error(`${url} answered ${response.status}.`);
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of response.body) {
    bytes += piece.length;
    if (bytes > MAX_ANSWER) throw new Error(`${url} answered more than ${MAX_ANSWER} bytes.`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}
