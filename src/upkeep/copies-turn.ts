import { setTimeout as sleep } from "node:timers/promises";

const WORK_MS = 20_000;
/** Longer than those who wait for the lease take until they try again. */
const REST_MS = 2_500;

/** For long work that takes the lease `copies` again and again: repairs get their turn in between. */
export class CopiesTurn {
  #restAt = performance.now() + WORK_MS;

  /** Called between two holdings of the lease. @throws the signal's reason */
  async end(signal?: AbortSignal): Promise<void> {
    if (performance.now() < this.#restAt) return;
    await sleep(REST_MS, undefined, { ...(signal && { signal }) }).catch(() => signal?.throwIfAborted());
    this.#restAt = performance.now() + WORK_MS;
  }
}
