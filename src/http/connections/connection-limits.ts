import { readFileSync } from "node:fs";
import type { Server } from "node:http";
import type { Socket } from "node:net";
import { clientOf } from "../../access/client-address.ts";

export interface ConnectionLimits {
  /** Open connections of the process. */
  total: number;
  /** Open connections of one address; null for no bound, where a proxy stands before us. */
  perAddress: number | null;
}

/** Files that the process has open besides connections and chunks: the database, logs, listening sockets. */
const RESERVED_FILES = 128;
const FEWEST = 16;
const MOST = 10_000;
const MOST_PER_ADDRESS = 1_000;

/** What the system allows; null where it doesn't tell (only Linux does). */
function fileLimit(): number | null {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1")) ?? [];
    return soft === undefined ? null : Number(soft);
  } catch {
    return null;
  }
}

/** What the settings don't say is what the system's limit on open files allows. */
export function connectionLimits(settings: {
  maxConnections: number | null;
  maxConnectionsPerAddress: number | null;
  replicas: number;
  trustProxy: boolean | string[];
}): ConnectionLimits {
  const { maxConnections, maxConnectionsPerAddress, replicas, trustProxy } = settings;
  const files = fileLimit();
  // Each has its socket, and a file for each copy of the chunk that it sends.
  const fit = files === null ? MOST : Math.floor((files - RESERVED_FILES) / (1 + replicas));
  const total = maxConnections ?? Math.min(Math.max(fit, FEWEST), MOST);
  // Behind a proxy all have its address.
  const perAddress = trustProxy !== false ? null : Math.min(MOST_PER_ADDRESS, Math.ceil(total / 2));
  return { total, perAddress: maxConnectionsPerAddress ?? perAddress };
}

/** Counts the connections of all servers of a process, and refuses those that are too many. */
export class ConnectionCounter {
  readonly #limits: ConnectionLimits;
  readonly #refuse: (socket: Socket, isTheirs: boolean) => void;
  readonly #perClient = new Map<string, number>();
  #open = 0;

  /** @param refuse is told whether it was the address that had too many, or all together */
  constructor(limits: ConnectionLimits, refuse: (socket: Socket, isTheirs: boolean) => void) {
    this.#limits = limits;
    this.#refuse = refuse;
  }

  watch(server: Server): void {
    server.prependListener("connection", (socket: Socket) => this.#count(socket));
  }

  #count(socket: Socket): void {
    const client = clientOf(socket.remoteAddress ?? "");
    const theirs = (this.#perClient.get(client) ?? 0) + 1;
    this.#open++;
    this.#perClient.set(client, theirs);
    socket.once("close", () => {
      this.#open--;
      const left = (this.#perClient.get(client) ?? 1) - 1;
      if (left === 0) this.#perClient.delete(client);
      else this.#perClient.set(client, left);
    });
    const isTheirs = this.#limits.perAddress !== null && theirs > this.#limits.perAddress;
    if (isTheirs || this.#open > this.#limits.total) this.#refuse(socket, isTheirs);
  }
}
