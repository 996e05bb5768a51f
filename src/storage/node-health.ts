import { setTimeout } from "node:timers/promises";
import type { NodeStatus, StorageNode } from "./storage-node.ts";

/** What a pino logger offers. */
export interface StorageLogger {
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

/** What the last probe of a node found. */
export interface NodeHealthStatus {
  name: string;
  up: boolean;
  /** Null where the node can't tell or is down. */
  freeBytes: number | null;
  /** Reads and writes that failed on it since the start, bad checksums among them. */
  failures: number;
  /** Why it is down. */
  error?: unknown;
}

const PROBE_TIMEOUT_MS = 5_000;

/** Remembers whether a node is up and how much room it has. Until the first probe it counts as up. */
export class NodeHealth {
  readonly node: StorageNode;
  readonly #logger: StorageLogger;
  readonly #maxAgeMs: number;
  #status: NodeHealthStatus;
  #probedAt = Number.NEGATIVE_INFINITY;
  #probing: Promise<NodeHealthStatus> | undefined;
  #failures = 0;

  constructor(node: StorageNode, logger: StorageLogger, maxAgeMs: number) {
    this.node = node;
    this.#logger = logger;
    this.#maxAgeMs = maxAgeMs;
    this.#status = { name: node.name, up: true, freeBytes: null, failures: 0 };
  }

  /** What is known at once; when that is old, a probe starts behind the caller's back. */
  get latest(): NodeHealthStatus {
    if (this.#isOld()) void this.probe();
    return this.#status;
  }

  /** What is known, probed first when that is old. */
  async recent(): Promise<NodeHealthStatus> {
    const status = this.#isOld() ? await this.probe() : this.#status;
    return { ...status, failures: this.#failures };
  }

  /** Counts a failure, and probes whether the node is still up. */
  fail(): void {
    this.#failures++;
    void this.probe();
  }

  /** Probes now. Callers at the same time share a probe; it never rejects. */
  probe(): Promise<NodeHealthStatus> {
    this.#probing ??= this.#probe().finally(() => {
      this.#probing = undefined;
    });
    return this.#probing;
  }

  #isOld(): boolean {
    return performance.now() - this.#probedAt >= this.#maxAgeMs;
  }

  async #probe(): Promise<NodeHealthStatus> {
    const { name } = this.node;
    const wasUp = this.#status.up;
    try {
      const { freeBytes } = await this.#probeInTime();
      this.#status = { name, up: true, freeBytes, failures: this.#failures };
      if (!wasUp) this.#logger.warn({ node: name }, "Storage node is up again");
    } catch (error) {
      this.#status = { name, up: false, freeBytes: null, failures: this.#failures, error };
      if (wasUp) this.#logger.error({ node: name, err: error }, "Storage node is down");
    }
    this.#probedAt = performance.now();
    return this.#status;
  }

  async #probeInTime(): Promise<NodeStatus> {
    const timer = new AbortController();
    const late = setTimeout(PROBE_TIMEOUT_MS, undefined, { signal: timer.signal, ref: false }).then(() => {
      throw new Error(`No answer within ${PROBE_TIMEOUT_MS} ms`);
    });
    try {
      return await Promise.race([this.node.probe(), late]);
    } finally {
      timer.abort();
    }
  }
}
