import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Database, EntityManager } from "../database/database.ts";
import { ServiceUnavailableError } from "../errors.ts";

/** Long enough for a slow disk or a database that fails over, short enough for a dead holder's work to be taken up. */
const TTL_MS = 30_000;
const RENEWALS_PER_TTL = 5;
const RETRY_MS = 1_000;

/** Another process may hold the lease by now: what it protects must not be touched any more. */
export class LeaseLostError extends Error {
  constructor(name: string, cause?: unknown) {
    super(`The lease ${name} was lost`, { cause });
    this.name = new.target.name;
  }
}

/** A lease while it is held. */
export interface HeldLease {
  /** Aborts when the lease is lost, or whoever asked for it wants the work to stop. */
  readonly signal: AbortSignal;
  /**
   * Call it within a transaction, before a change that only the holder may make.
   * @throws LeaseLostError unless the database still has it
   */
  check(em: EntityManager): Promise<void>;
}

interface HoldOptions {
  /** Ends the work. */
  signal?: AbortSignal;
  /** When the work was done, nobody gets the lease for so long: for work that is to be done once a day by any one. */
  restMs?: number;
}

export interface WaitOptions {
  /** Ends the waiting and the work. */
  signal?: AbortSignal;
  /** Called again and again while somebody else has the lease. */
  onWait?: (name: string) => void;
}

/** Works that only one process at a time may do, across all that use the database. */
export class Leases {
  readonly #database: Database;
  readonly #ttlMs: number;
  /** Milliseconds since 1970 by the database's clock, the only one that all holders share. */
  readonly #now: string;

  constructor(database: Database, ttlMs = TTL_MS) {
    this.#database = database;
    this.#ttlMs = ttlMs;
    this.#now =
      database.dialect === "mysql"
        ? "timestampdiff(microsecond, '1970-01-01', utc_timestamp(3)) div 1000"
        : "cast(unixepoch('subsec') * 1000 as integer)";
  }

  /**
   * Does the work while holding the lease, and lets go of it after. A holder that dies loses it by itself.
   * @returns false when somebody else has it: then nothing was done
   * @throws LeaseLostError when it was lost and the work stopped for that; what the work throws
   */
  async hold(name: string, work: (lease: HeldLease) => Promise<void>, options: HoldOptions = {}): Promise<boolean> {
    const holder = randomUUID();
    const asked = performance.now();
    if (options.signal?.aborted || !(await this.#acquire(name, holder))) return false;

    const ended = new AbortController();
    const lost = new AbortController();
    const renewing = this.#keepRenewed(name, holder, asked, ended.signal, lost);
    const signals = [lost.signal, ...(options.signal ? [options.signal] : [])];
    try {
      await work({ signal: AbortSignal.any(signals), check: (em) => this.#check(em, name, holder) });
      ended.abort();
      if (options.restMs !== undefined) await this.#extend(name, holder, options.restMs);
      else await this.#release(name, holder);
      return true;
    } catch (error) {
      ended.abort();
      // What can't be let go of now ends by itself.
      if (!(error instanceof ServiceUnavailableError)) await this.#release(name, holder).catch(() => {});
      throw error;
    } finally {
      await renewing;
    }
  }

  /** Like `hold`, but waits for it. @throws the signal's reason when that aborts first */
  async wait(name: string, work: (lease: HeldLease) => Promise<void>, options: WaitOptions = {}): Promise<void> {
    const { signal, onWait } = options;
    while (!(await this.hold(name, work, { signal }))) {
      signal?.throwIfAborted();
      onWait?.(name);
      await sleep(RETRY_MS, undefined, { signal });
    }
  }

  /** Lists the leases that somebody has, with the milliseconds until they end unless they are renewed. */
  held(): Promise<{ name: string; expiresInMs: number }[]> {
    return this.#database.read(async (em) => {
      type Row = { name: string; ms: number | string };
      const rows = await em.execute<Row[]>(
        `select name, expires_at - (${this.#now}) as ms from leases where expires_at > ${this.#now} order by name`,
      );
      return rows.map(({ name, ms }) => ({ name, expiresInMs: Number(ms) }));
    });
  }

  /** @param asked when the lease was asked for, by this process's clock: the lease's time is counted from this moment */
  async #keepRenewed(name: string, holder: string, asked: number, ended: AbortSignal, lost: AbortController) {
    const expireAfter = (ms: number) => setTimeout(() => lost.abort(new LeaseLostError(name)), ms).unref();
    let expiry = expireAfter(asked + this.#ttlMs - performance.now());
    while (!ended.aborted && !lost.signal.aborted) {
      await sleep(this.#ttlMs / RENEWALS_PER_TTL, undefined, { signal: ended, ref: false }).catch(() => {});
      if (ended.aborted) break;
      const until = performance.now() + this.#ttlMs;
      // While the database is away nobody else gets the lease either; but it may be only we who don't reach it.
      const renewed = await this.#extend(name, holder, this.#ttlMs).catch(() => null);
      if (renewed === false) lost.abort(new LeaseLostError(name));
      if (renewed !== true) continue;
      clearTimeout(expiry);
      expiry = expireAfter(until - performance.now());
    }
    clearTimeout(expiry);
  }

  async #acquire(name: string, holder: string): Promise<boolean> {
    const taken = await this.#run(
      `update leases set holder = ?, expires_at = ${this.#now} + ? where name = ? and expires_at <= ${this.#now}`,
      [holder, this.#ttlMs, name],
    );
    if (taken) return true;
    return this.#run(
      `${this.#database.insertIgnore} into leases (name, holder, expires_at) values (?, ?, ${this.#now} + ?)`,
      [name, holder, this.#ttlMs],
    );
  }

  #extend(name: string, holder: string, ms: number): Promise<boolean> {
    return this.#run(`update leases set expires_at = ${this.#now} + ? where name = ? and holder = ?`, [
      ms,
      name,
      holder,
    ]);
  }

  async #release(name: string, holder: string): Promise<void> {
    await this.#run("delete from leases where name = ? and holder = ?", [name, holder]);
  }

  async #check(em: EntityManager, name: string, holder: string): Promise<void> {
    const held = await em.execute<object[]>(
      `select name from leases where name = ? and holder = ? and expires_at > ${this.#now}`,
      [name, holder],
    );
    if (held.length === 0) throw new LeaseLostError(name);
  }

  /** @returns whether it changed anything */
  #run(statement: string, values: readonly unknown[]): Promise<boolean> {
    return this.#database.transaction(async (em) => {
      const { affectedRows } = await em.execute<{ affectedRows: number }>(statement, [...values], "run");
      return affectedRows > 0;
    });
  }
}
