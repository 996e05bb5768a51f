import { stat } from "node:fs/promises";
import { ServiceUnavailableError } from "../errors.ts";
import { clockWatch, JUMP_MS, SETTLED_MS } from "../runtime/clock-watch.ts";
import type { Database, EntityManager } from "./database.ts";

/** A service that was away for longer may have come back with another clock. */
const AWAY_MS = 3600_000;
/** Servers whose clocks differ by more would expire each other's uploads. Kerberos allows as much (RFC 4120 section 8.2). */
const SKEW_MS = 300_000;

/**
 * Compares the clock with when the embedded database was last written to, since that has no clock of its own; to be
 * called before it is opened. @returns the milliseconds between, where they are too many to expire anything at once
 */
export async function distrustAfterAbsence(path: string): Promise<number | undefined> {
  const times = [path, `${path}-wal`].map((file) =>
    stat(file).then(
      ({ mtimeMs }) => mtimeMs,
      () => 0,
    ),
  );
  const last = Math.max(...(await Promise.all(times)));
  const ms = Date.now() - last;
  if (last === 0 || Math.abs(ms) <= AWAY_MS) return undefined;
  clockWatch.distrust();
  return ms;
}

/** Whether our clock may decide what can't be undone: it is settled, and as the database's is. */
export async function mayExpire(database: Database): Promise<boolean> {
  if (!clockWatch.isSettled(SETTLED_MS)) return false;
  return database.dialect === "sqlite" || (await database.read(clocksAgree));
}

/** @throws ServiceUnavailableError where the database has a clock of its own, and ours is another */
export async function refuseOtherClock(database: Database): Promise<void> {
  if (database.dialect === "sqlite") return;
  const ahead = await database.read(msAhead);
  if (Math.abs(ahead) <= SKEW_MS) return;
  const minutes = Math.round(Math.abs(ahead) / 60_000);
  throw new ServiceUnavailableError(
    `this machine's clock is ${minutes} minutes ${ahead > 0 ? "ahead of" : "behind"} the database's, and what one instance begins, another would expire. Let NTP set both.`,
  );
}

async function clocksAgree(em: EntityManager): Promise<boolean> {
  return Math.abs(await msAhead(em)) < JUMP_MS;
}

/** How far our clock is ahead of the database's. */
async function msAhead(em: EntityManager): Promise<number> {
  const now = "select timestampdiff(microsecond, '1970-01-01', utc_timestamp(3)) div 1000 as now";
  const [row] = await em.execute<{ now: number | string }[]>(now);
  return Date.now() - Number(row?.now);
}
