import type { Database } from "../database/database.ts";
import { BadUserInputError } from "../errors.ts";
import { nextNode } from "../metadata/replicas.ts";
import type { NodeReport } from "../storage/node-report.ts";
import type { NodeRegistry } from "./node-registry.ts";
import type { NodeUsageCounter } from "./node-usage.ts";

export interface NodeInfo extends NodeReport {
  /** Takes no new chunks, also where it is DOWN. */
  draining: boolean;
  chunks: number;
  /** Bytes of all its chunks. */
  usedBytes: number;
}

interface NodeServiceOptions {
  /** Every configured node, in the order of the settings. */
  reports: () => Promise<NodeReport[]>;
  /** Copies of each chunk. */
  replicas: number;
  registry: NodeRegistry;
  usage: NodeUsageCounter;
  /** Lets this process know what the database knows of the nodes. */
  refresh: () => Promise<void>;
}

/** Tells administrators of the storage nodes, and says which of them drain. */
export class NodeService {
  readonly #database: Database;
  readonly #options: NodeServiceOptions;

  constructor(database: Database, options: NodeServiceOptions) {
    this.#database = database;
    this.#options = options;
  }

  /** Every configured node, in the order of the settings. */
  async list(): Promise<NodeInfo[]> {
    const { reports, usage, registry } = this.#options;
    const found = await reports();
    const draining = new Set(registry.draining);
    const used = await usage.latest(found.map(({ name }) => name));
    return found.map((report) => {
      const { chunks, bytes } = used.get(report.name) ?? { chunks: 0, bytes: 0 };
      return { ...report, draining: draining.has(report.name), chunks, usedBytes: bytes };
    });
  }

  /** @throws BadUserInputError for `name` when no such node is configured */
  async get(name: string): Promise<NodeInfo> {
    await this.report(name);
    return (await this.list()).find((node) => node.name === name) as NodeInfo;
  }

  /** Finds one node's report, and counts nothing. @throws BadUserInputError for `name` when no such node is configured */
  async report(name: string): Promise<NodeReport> {
    const found = await this.#options.reports();
    const report = found.find((one) => one.name === name);
    if (report === undefined) throw unknown(name, found);
    return report;
  }

  /** The names of nodes that aren't configured any more, but that the database says have copies of chunks. */
  async gone(): Promise<string[]> {
    const configured = new Set((await this.#options.reports()).map(({ name }) => name));
    const names: string[] = [];
    for (let last = ""; ; ) {
      const next = await this.#database.read((em) => nextNode(em, last));
      if (next === null) return names.filter((name) => !configured.has(name));
      names.push(next);
      last = next;
    }
  }

  /**
   * The node, which may be dead or not configured any more, takes no new chunks: in this process when it resolves, in
   * others a few seconds later. What is on it is moved off by the servers' background work. May be repeated.
   * @throws BadUserInputError for `name` when there is no such node, or the others can't hold all copies
   */
  async drain(name: string): Promise<void> {
    const { registry, refresh, replicas, reports } = this.#options;
    await refresh();
    const configured = await reports();
    const isConfigured = configured.some((node) => node.name === name);
    const gone = isConfigured ? [] : await this.gone();
    if (!isConfigured && !gone.includes(name) && !registry.names.includes(name)) {
      throw unknown(name, [...configured, ...gone.map((other) => ({ name: other }))]);
    }
    const draining = new Set(registry.draining);
    const others = configured.filter((node) => node.name !== name && !draining.has(node.name));
    if (others.length < replicas) {
      const room = `with REPLICAS=${replicas}, as many other nodes must take chunks, and there ${others.length === 1 ? "is" : "are"} ${others.length}`;
      throw new BadUserInputError("name", `${name} can't be drained: ${room}. Add a node to STORAGE_NODES first.`);
    }
    const marked = await registry.setDraining(name, true);
    if (!marked && isConfigured) {
      throw new BadUserInputError(
        "name",
        `${name} was never up: there is nothing to drain. Take it out of STORAGE_NODES.`,
      );
    }
    await refresh();
  }

  /** The node takes new chunks again. @throws BadUserInputError for `name` when there is no such node */
  async undrain(name: string): Promise<void> {
    const { registry, refresh, reports } = this.#options;
    if (!(await registry.setDraining(name, false))) throw unknown(name, await reports());
    await refresh();
  }
}

function unknown(name: string, nodes: readonly { name: string }[]): BadUserInputError {
  const names = nodes.map((node) => node.name).join(", ");
  return new BadUserInputError("name", `There is no storage node ${name}. There are: ${names}.`);
}
