import type { NodeReport } from "../storage/node-health.ts";
import type { NodeUsageCounter } from "./node-usage.ts";

export interface NodeInfo extends NodeReport {
  chunks: number;
  /** Bytes of all its chunks. */
  usedBytes: number;
}

/** Tells administrators of the storage nodes. */
export class NodeService {
  readonly #status: () => Promise<NodeReport[]>;
  readonly #usage: NodeUsageCounter;

  constructor(status: () => Promise<NodeReport[]>, usage: NodeUsageCounter) {
    this.#status = status;
    this.#usage = usage;
  }

  /** Every configured node, in the order of the settings. */
  async list(): Promise<NodeInfo[]> {
    const reports = await this.#status();
    const usage = await this.#usage.latest(reports.map(({ name }) => name));
    return reports.map((report) => {
      const { chunks, bytes } = usage.get(report.name) ?? { chunks: 0, bytes: 0 };
      return { ...report, chunks, usedBytes: bytes };
    });
  }
}
