import type { Database } from "../database/database.ts";
import { type RepairReason, RepairRecord } from "./repair-record.ts";
import type { UpkeepLogger } from "./upkeep-logger.ts";

/** Reports are gathered for so long, so that a thousand bad reads are one statement. */
const GATHER_MS = 500;
const RETRY_MS = 5_000;
/** What comes on top is forgotten: a scrub finds it again. */
const MOST_GATHERED = 10_000;
const ROWS_PER_STATEMENT = 500;
const FIRST_DELAY_MS = 2_000;
const LONGEST_DELAY_MS = 3600_000;

/** The chunks whose copies are to be looked at, kept in the database. One that is queued already stays as it is. */
export class RepairQueue {
  readonly #database: Database;
  readonly #log: UpkeepLogger;
  readonly #onQueued: () => void;
  #gathered = new Map<string, RepairReason>();
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();
  #advancedAt = Number.NEGATIVE_INFINITY;

  /** @param onQueued called when something may have come that can be repaired now */
  constructor(database: Database, log: UpkeepLogger, onQueued: () => void = () => {}) {
    this.#database = database;
    this.#log = log;
    this.#onQueued = onQueued;
  }

  /** Queues the chunk soon. Never fails and never waits, so that a request may call it. */
  report(chunkId: string, reason: RepairReason): void {
    if (this.#gathered.size >= MOST_GATHERED) return;
    this.#gathered.set(chunkId, reason);
    this.#flushAfter(GATHER_MS);
  }

  /** Queues what was reported up to now; never rejects. What could not be queued is tried again by the next flush. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flushing = this.#flushing.then(() => this.#flush());
    return this.#flushing;
  }

  async #flush(): Promise<void> {
    const gathered = this.#gathered;
    if (gathered.size === 0) return;
    this.#gathered = new Map();
    try {
      await this.add(gathered);
    } catch (error) {
      this.#log.warn({ chunks: gathered.size, err: error }, "damaged chunks could not be queued for repair yet");
      this.#gathered = new Map([...gathered, ...this.#gathered]);
      this.#flushAfter(RETRY_MS);
    }
  }

  #flushAfter(ms: number): void {
    this.#timer ??= setTimeout(() => void this.flush(), ms).unref();
  }

  /** When it resolves, they are queued. */
  async add(chunks: Iterable<readonly [id: string, reason: RepairReason]>): Promise<void> {
    const rows = [...chunks];
    if (rows.length === 0) return;
    const now = new Date();
    for (let start = 0; start < rows.length; start += ROWS_PER_STATEMENT) {
      const part = rows.slice(start, start + ROWS_PER_STATEMENT);
      const statement = `${this.#database.insertIgnore} into repairs (chunk_id, reason, attempts, next_attempt_at, created_at)
        values ${part.map(() => "(?, ?, 0, ?, ?)").join(", ")}`;
      const values = part.flatMap(([id, reason]) => [id, reason, now, now]);
      await this.#database.transaction((em) => em.execute(statement, values, "run"));
    }
    this.#onQueued();
  }

  /** Lists the chunks whose turn it is, the longest waiting first. */
  due(limit: number): Promise<RepairRecord[]> {
    const now = Date.now();
    // Nothing is put off for longer: such a time was written by a clock that was ahead.
    const beyond = { nextAttemptAt: { $gt: new Date(now + 2 * LONGEST_DELAY_MS) } };
    const where = { $or: [{ nextAttemptAt: { $lte: new Date(now) } }, beyond] };
    return this.#database.read((em) => em.find(RepairRecord, where, { orderBy: { nextAttemptAt: "asc" }, limit }));
  }

  async remove(chunkId: string): Promise<void> {
    await this.#database.transaction((em) => em.nativeDelete(RepairRecord, { chunkId }));
  }

  /** Lets what was put off be tried now: what it wanted, such as a node, may be there again. */
  async advance(): Promise<void> {
    this.#advancedAt = performance.now();
    const now = new Date();
    for (;;) {
      const advanced = await this.#database.transaction(async (em) => {
        const where = { nextAttemptAt: { $gt: now } };
        const options = { orderBy: { nextAttemptAt: "asc" as const }, limit: ROWS_PER_STATEMENT };
        const later = await em.find(RepairRecord, where, options);
        const chunkId = { $in: later.map((repair) => repair.chunkId) };
        if (later.length > 0) await em.nativeUpdate(RepairRecord, { chunkId }, { nextAttemptAt: now, attempts: 0 });
        return later.length;
      });
      if (advanced > 0) this.#onQueued();
      if (advanced < ROWS_PER_STATEMENT) return;
    }
  }

  /**
   * Waits longer after each attempt that failed.
   * @param begunAt when the attempt began, by `performance.now()`
   */
  async postpone(repair: RepairRecord, reason: RepairReason, begunAt: number): Promise<void> {
    const { chunkId } = repair;
    const attempts = begunAt < this.#advancedAt ? 0 : repair.attempts;
    const delayMs = Math.min(FIRST_DELAY_MS * 2 ** attempts, LONGEST_DELAY_MS) * (0.75 + Math.random() / 2);
    const changes = { reason, attempts: attempts + 1, nextAttemptAt: new Date(Date.now() + delayMs) };
    await this.#database.transaction((em) => em.nativeUpdate(RepairRecord, { chunkId }, changes));
  }

  /** How many wait, those for which no good copy was found among them. */
  async length(): Promise<{ waiting: number; unrestorable: number }> {
    return this.#database.read(async (em) => ({
      waiting: await em.count(RepairRecord),
      unrestorable: await em.count(RepairRecord, { reason: "UNRESTORABLE" }),
    }));
  }
}
