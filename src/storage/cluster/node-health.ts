import { InsufficientStorageError } from "../../errors.ts";
import { CorruptBlobError } from "../blob-errors.ts";
import type { NodeReport } from "../node-report.ts";
import type { PhysicalNode, ProbeResult } from "../storage-node.ts";
import { inTime, NodeTimeoutError } from "./in-time.ts";

/** What a pino logger offers. */
export interface StorageLogger {
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

interface NodeHealthOptions {
  logger: StorageLogger;
  /** How long the answer of a probe is good for, milliseconds. */
  probeMaxAgeMs: number;
  /** Milliseconds that a probe may take. */
  probeTimeoutMs: number;
  /** Called before each probe: rejects when the place is not the node that it should be. */
  admit: (node: PhysicalNode) => Promise<void>;
  /** Called when the node is up again, or begins to take blobs: it doesn't drain, and has room. */
  onReturn: () => void;
}

/** A node that stalls again and again is left alone for up to as many times a probe's age. */
const LONGEST_PAUSE = 16;
/** Time between probes of a node that is down: short, so that healing begins soon after it is back. */
const DOWN_PROBE_MS = 2_000;
/** Room for several chunks: with less, a node counts as full. */
const ENOUGH_BYTES = 256 * 1024 ** 2;

function isOurs(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "EMFILE" || code === "ENFILE";
}

/** Remembers whether a node is up and how much room it has. Until the first probe it counts as up. */
export class NodeHealth {
  readonly node: PhysicalNode;
  #draining = false;
  #takesBlobs = false;
  readonly #options: NodeHealthOptions;
  #up = true;
  #freeBytes: number | null = null;
  #error: unknown;
  #failures = 0;
  #probeDueAt = Number.NEGATIVE_INFINITY;
  #pausedAt = Number.NEGATIVE_INFINITY;
  /** When a node that stalled is asked again. */
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #pauseMs = 0;
  #distrustedUntil = Number.NEGATIVE_INFINITY;
  /** The free bytes that it spoke of last. */
  #probedBytes: number | null = null;
  /** The free bytes that it had when it refused a blob for want of room; undefined while it refuses none. */
  #fullAt: number | undefined;
  readonly #loggedAt = new Map<string, number>();
  #probing: Promise<NodeReport> | undefined;
  /** The node's own answer to the last probe, which may take longer than we wait. */
  #answering: Promise<ProbeResult> | undefined;

  constructor(node: PhysicalNode, options: NodeHealthOptions) {
    this.node = node;
    this.#options = options;
  }

  /** What is known at once; when that is old, a probe starts that nobody waits for. */
  get latest(): NodeReport {
    if (this.isProbeDue) void this.probe();
    return this.#report();
  }

  /** What is known, probed first when that is old. */
  async recent(): Promise<NodeReport> {
    return this.isProbeDue ? await this.probe() : this.#report();
  }

  get isUp(): boolean {
    return this.#up;
  }

  setDraining(draining: boolean): void {
    this.#draining = draining;
    // What takes blobs is known with the first probe.
    if (this.#probeDueAt > 0) this.#noticeReturn();
  }

  get isProbeDue(): boolean {
    return performance.now() >= this.#probeDueAt;
  }

  /** Whether a write failed on it a short while ago: others are preferred. */
  get isDistrusted(): boolean {
    return performance.now() < this.#distrustedUntil;
  }

  /** Whether it takes a blob of this size, as far as is known: there is more that may run out than bytes, such as inodes. */
  hasRoomFor(bytes: number): boolean {
    return this.#fullAt === undefined && (this.#freeBytes === null || this.#freeBytes >= bytes);
  }

  /** Counts room that is about to be used, until the next probe tells. */
  reserve(bytes: number): void {
    if (this.#freeBytes !== null) this.#freeBytes = Math.max(this.#freeBytes - bytes, 0);
  }

  /**
   * Counts a failure; a node that stalled is down for a while, any other is probed.
   * @returns whether it is up after that
   */
  async fail(error: unknown, blob: string, what: "create" | "write" | "commit" | "copy" | "read"): Promise<boolean> {
    // The process has too many files open: that is none of the node's doing.
    if (isOurs(error)) return this.#up;
    const now = performance.now();
    const { logger, probeMaxAgeMs } = this.#options;
    this.#failures++;
    if (what !== "read") this.#distrustedUntil = now + probeMaxAgeMs;
    if (error instanceof InsufficientStorageError && this.#probedBytes !== null) this.#fullAt = this.#probedBytes;
    // One line tells what is wrong; under load hundreds of requests would say the same. Which bytes are bad is new each time.
    const isOld = now - (this.#loggedAt.get(what) ?? Number.NEGATIVE_INFINITY) >= probeMaxAgeMs;
    if (isOld || error instanceof CorruptBlobError) {
      this.#loggedAt.set(what, now);
      const facts = { blob, node: this.node.name, failures: this.#failures, err: error };
      logger.error(facts, `Storage node failed: ${what}`);
    }
    if (error instanceof NodeTimeoutError) this.#pause(error);
    else if (now >= this.#pausedUntil) await this.probe();
    return this.#up;
  }

  /** Probes now. Callers at the same time share a probe; it never rejects. */
  probe(): Promise<NodeReport> {
    this.#probing ??= this.#probe().finally(() => {
      this.#probing = undefined;
    });
    return this.#probing;
  }

  #report(): NodeReport {
    const state = !this.#up ? "DOWN" : this.#draining ? "DRAINING" : "UP";
    const { name, kind } = this.node;
    const report: NodeReport = { name, kind, state, freeBytes: this.#freeBytes, failures: this.#failures };
    return this.#up ? report : { ...report, error: this.#error };
  }

  /** A probe says little of a node that stalls in its writes: it isn't asked for a while, each time for longer. */
  #pause(error: NodeTimeoutError): void {
    const now = performance.now();
    const { probeMaxAgeMs } = this.#options;
    if (now < this.#pausedUntil) return;
    const isAgain = now < this.#pausedUntil + LONGEST_PAUSE * probeMaxAgeMs;
    this.#pauseMs = isAgain ? Math.min(2 * this.#pauseMs, LONGEST_PAUSE * probeMaxAgeMs) : probeMaxAgeMs;
    this.#pausedAt = now;
    this.#pausedUntil = now + this.#pauseMs;
    this.#setDown(error);
    this.#probeDueAt = this.#pausedUntil;
  }

  async #probe(): Promise<NodeReport> {
    const startedAt = performance.now();
    try {
      // A node that hangs is asked no second time before it answers: each call may hold a thread.
      this.#answering ??= this.#ask().finally(() => {
        this.#answering = undefined;
      });
      const { freeBytes } = await inTime(this.#answering, this.#options.probeTimeoutMs);
      // It stalled while it was asked: that weighs more.
      if (this.#pausedAt > startedAt) return this.#report();
      this.#freeBytes = freeBytes;
      this.#probedBytes = freeBytes;
      if (freeBytes === null || freeBytes > (this.#fullAt ?? 0)) this.#fullAt = undefined;
      this.#setUp();
    } catch (error) {
      if (!isOurs(error)) this.#setDown(error);
    }
    const { probeMaxAgeMs } = this.#options;
    this.#probeDueAt = performance.now() + (this.#up ? probeMaxAgeMs : Math.min(DOWN_PROBE_MS, probeMaxAgeMs));
    this.#noticeReturn();
    return this.#report();
  }

  #noticeReturn(): void {
    const hasRoom = this.#freeBytes === null || this.#freeBytes >= ENOUGH_BYTES;
    const takesBlobs = this.#up && !this.#draining && hasRoom;
    if (takesBlobs && !this.#takesBlobs) this.#options.onReturn();
    this.#takesBlobs = takesBlobs;
  }

  async #ask(): Promise<ProbeResult> {
    await this.#options.admit(this.node);
    return await this.node.probe();
  }

  #setUp(): void {
    if (!this.#up) {
      this.#options.logger.warn({ node: this.node.name }, "Storage node is up again");
      this.#options.onReturn();
    }
    this.#up = true;
    this.#error = undefined;
    this.#pausedUntil = Math.min(this.#pausedUntil, performance.now());
  }

  #setDown(error: unknown): void {
    if (this.#up) this.#options.logger.error({ node: this.node.name, err: error }, "Storage node is down");
    this.#up = false;
    this.#freeBytes = null;
    this.#error = error;
  }
}
