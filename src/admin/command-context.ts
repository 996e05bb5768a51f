import type { Config } from "../setup/config.ts";
import type { StorageSetup } from "../setup/storage-setup.ts";
import type { Terminal } from "./output.ts";

/** What a command works with. */
export interface CommandContext extends StorageSetup {
  config: Config;
  terminal: Terminal;
  /** Aborts at Ctrl-C, with `Interrupted`. */
  signal: AbortSignal;
}

const WORK_OF_LEASE: Readonly<Record<string, string>> = {
  copies: "copies chunks",
  drain: "drains",
  rebalance: "rebalances",
  scrub: "scrubs",
  sweep: "sweeps",
};

/** Options for work under a lease, which say so when another process has it. */
export function waitPolitely({ terminal, signal }: CommandContext) {
  return {
    signal,
    onWait: (lease: string) =>
      terminal.once(
        `Another process, such as a server, ${WORK_OF_LEASE[lease] ?? `has the lease ${lease}`} at the moment. Waiting for it…`,
      ),
  };
}
