import { setTimeout as sleep } from "node:timers/promises";

const WORK_MS = 20_000;
/** A rest longer than the pause between two tries of those who wait for the lease. */
const REST_MS = 2_500;

/** Makes long work that takes the lease `copies` again and again rest at times, so that repairs get their turn. */
export class CopiesTurn {
  #restAt = performance.now() + WORK_MS;

  /** Called between two holdings of the lease. @throws the signal's reason */
  async end(signal?: AbortSignal): Promise<void> {
    if (performance.now() < this.#restAt) return;
    await sleep(REST_MS, undefined, { signal }).catch(() => signal?.throwIfAborted());
    this.#restAt = performance.now() + WORK_MS;
  }
}
