import { type ErrorDetails, isServerErrorCode, StowageError } from "./errors.ts";
import type { TypedDocumentString } from "./operations.ts";
import { insist, type RetryOptions } from "./patience.ts";

export interface TransportOptions {
  /** URL of the server, such as `https://files.example.org`; a path before its routes is kept. */
  url: string | URL;
  token?: string | undefined;
  fetch: typeof globalThis.fetch;
  retry: RetryOptions;
}

export interface SendOptions {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array<ArrayBuffer>;
  signal?: AbortSignal | undefined;
  /** Milliseconds until the answer's head is there. */
  timeoutMs?: number;
  /** Handed to fetch: one that can, calls it with the bytes of the body that were sent. */
  onSent?: (bytes: number) => void;
}

const CONTENT_TOO_LARGE = 413;
const GRAPHQL_TIMEOUT_MS = 60_000;

type Variables<T> = T extends Record<string, never> ? [variables?: undefined] : [variables: T];

/** Requests to one server, with failures as StowageErrors. */
export class Transport {
  token: string | undefined;
  readonly retry: RetryOptions;
  readonly #base: string;
  readonly #fetch: typeof globalThis.fetch;

  constructor({ url, token, fetch, retry }: TransportOptions) {
    this.#base = new URL(url).href.replace(/\/+$/, "");
    // As a method of anything but the window, a browser's refuses.
    this.#fetch = (input, init) => fetch(input, init);
    this.token = token;
    this.retry = retry;
  }

  /** URL of a route of the server's. */
  urlOf(path: string): string {
    return this.#base + path;
  }

  /** Tries once. @throws StowageError, or the signal's reason */
  async send(path: string, { headers, signal, timeoutMs, ...init }: SendOptions): Promise<Response> {
    const timeout = new AbortController();
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => timeout.abort(), timeoutMs);
    let response: Response;
    try {
      response = await this.#fetch(this.urlOf(path), {
        ...init,
        // One that is followed may turn a POST to a GET, and takes bytes and token to whom nobody named.
        redirect: "manual",
        headers: { ...headers, ...(this.token !== undefined && { authorization: `Bearer ${this.token}` }) },
        signal: AbortSignal.any([timeout.signal, ...(signal === undefined ? [] : [signal])]),
      });
    } catch (cause) {
      signal?.throwIfAborted();
      if (timeout.signal.aborted) throw new StowageError("TIMEOUT", "The server did not answer in time.", { cause });
      throw networkError(cause);
    } finally {
      clearTimeout(timer);
    }
    if (response.ok) return response;
    throw errorOf(await this.bodyOf(response, signal), response, response.url || this.urlOf(path));
  }

  /** The answer's JSON; anything else is nothing. @throws StowageError NETWORK_ERROR, or the signal's reason */
  bodyOf(response: Response, signal?: AbortSignal): Promise<Record<string, unknown>> {
    return bodyOf(response, signal);
  }

  /** An answer that isn't Stowage's, whatever its status. */
  unexpected(response: Response, body: Record<string, unknown>): StowageError {
    return errorOf(body, response, response.url);
  }

  /** Sends a GraphQL operation once. @throws StowageError, or the signal's reason */
  async ask<R, V>(document: TypedDocumentString<R, V>, variables: V, signal?: AbortSignal): Promise<R> {
    const response = await this.send("/graphql", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query: document.toString(), variables }),
      signal,
      timeoutMs: GRAPHQL_TIMEOUT_MS,
    });
    const { data, errors } = (await bodyOf(response, signal)) as { data?: R | null; errors?: unknown[] };
    if (errors !== undefined || data == null) throw errorOf({ errors }, response, this.urlOf("/graphql"));
    return data;
  }

  /** Sends a GraphQL operation, and repeats it while what keeps it from succeeding may pass: every operation may be. */
  graphql<R, V>(document: TypedDocumentString<R, V>, ...[variables]: Variables<V>): Promise<R> {
    return insist(() => this.ask(document, variables as V), this.retry);
  }
}

export function networkError(cause: unknown): StowageError {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const why = inner instanceof Error && inner.message !== "" ? `: ${inner.message}` : "";
  return new StowageError("NETWORK_ERROR", `The connection to the server failed${why}.`, { cause });
}

/** The answer's JSON; anything else is nothing. */
async function bodyOf(response: Response, signal: AbortSignal | undefined): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await response.text();
  } catch (cause) {
    signal?.throwIfAborted();
    throw networkError(cause);
  }
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

/** Makes an error of `{ code, message, … }` as REST has it, or of the first of GraphQL's `errors`. */
function errorOf(body: Record<string, unknown>, response: Response, url: string): StowageError {
  const [graphql] = (body["errors"] ?? []) as { message: string; extensions?: Record<string, unknown> }[];
  const { code, message, ...facts } = graphql ? { message: graphql.message, ...graphql.extensions } : body;
  const details: ErrorDetails = {
    facts,
    status: response.status,
    retryAfterMs: retryAfterMs(response.headers.get("retry-after"), facts["retryAfterSeconds"]),
  };
  if (isServerErrorCode(code)) return new StowageError(code, String(message), details);
  if (response.status === CONTENT_TOO_LARGE) {
    const text =
      "A server in front of Stowage refuses pieces of this size. Its operator has to allow bodies of 64 MiB.";
    return new StowageError("UNEXPECTED_ANSWER", text, { ...details, facts: { ...facts, code } });
  }
  const target = response.headers.get("location");
  const answered = `${response.status} ${response.statusText}${target === null ? "" : `, to ${target}`}`.trim();
  const text = `${url} gave an answer that this client doesn't know: ${typeof message === "string" ? message : answered}`;
  return new StowageError("UNEXPECTED_ANSWER", text, { ...details, facts: { ...facts, code } });
}

/** RFC 9110 section 10.2.3: seconds or a date. */
function retryAfterMs(header: string | null, seconds: unknown): number | undefined {
  if (typeof seconds === "number") return seconds * 1000;
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
