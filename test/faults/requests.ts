import { setTimeout as sleep } from "node:timers/promises";
import type { Report } from "./report.ts";
import type { Troubles } from "./troubles.ts";

/** After a failure, as a client would wait a little. */
const RETRY_MS = 100;

/** What must not happen, whatever was harmed. */
export class Violation extends Error {}

/** An answer that says no, with a code. */
export class RefusedError extends Error {
  readonly code: string;

  constructor(code: string, message: string, cause?: unknown) {
    super(`${code}: ${message}`, { cause });
    this.code = code;
  }

  static async of(response: Response): Promise<RefusedError> {
    const text = await response.text();
    const { code = `status ${response.status}`, message = text } = text.startsWith("{") ? JSON.parse(text) : {};
    return new RefusedError(code, message);
  }
}

/** Judges each request's outcome: a clean failure is only excused by servers or a database that were away meanwhile. */
export class Requests {
  readonly #troubles: Troubles;
  readonly #report: Report;

  constructor(troubles: Troubles, report: Report) {
    this.#troubles = troubles;
    this.#report = report;
  }

  /**
   * @returns null when it failed in a way that is excused
   * @throws RefusedError for a refusal with another code than SERVICE_UNAVAILABLE; Violation
   */
  async try<T>(kind: string, call: () => Promise<T>): Promise<T | null> {
    const hadTrouble = this.#troubles.watch();
    const startedAt = performance.now();
    try {
      const result = await call();
      this.#report.request(kind, "answered");
      return result;
    } catch (error) {
      if (error instanceof Violation) throw error;
      const refusal = refusalIn(error);
      this.#report.request(kind, refusal === undefined ? "cut" : "refused", refusal?.code);
      const ms = Math.round(performance.now() - startedAt);
      if (refusal !== undefined && refusal.code !== "SERVICE_UNAVAILABLE") throw refusal;
      // What fetch() throws where the connection ends.
      const isClean = refusal !== undefined || error instanceof TypeError;
      if (isClean && hadTrouble()) {
        await sleep(RETRY_MS);
        return null;
      }
      throw new Violation(`${kind} failed after ${ms} ms for no reason that excuses it`, { cause: error });
    }
  }

  /** Calls until it is answered: what is called must bear to be repeated. */
  async insist<T>(kind: string, call: () => Promise<T>): Promise<T> {
    for (;;) {
      const result = await this.try(kind, call);
      if (result !== null) return result;
    }
  }
}

/** The first of GraphQL's errors, which the client throws as their JSON. */
function refusalIn(error: unknown): RefusedError | undefined {
  if (error instanceof RefusedError) return error;
  if (!(error instanceof Error) || !error.message.startsWith("[{")) return undefined;
  const [first] = JSON.parse(error.message) as [{ message: string; extensions: { code: string } }];
  return new RefusedError(first.extensions.code, first.message, error);
}
