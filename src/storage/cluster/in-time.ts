/** A node took longer than it may. What it was asked to do may still happen. */
export class NodeTimeoutError extends Error {
  constructor(ms: number) {
    super(`The node gave no sign within ${ms} ms`);
    this.name = new.target.name;
  }
}

/** Settles as the promise does, or rejects when that takes longer than `ms`. */
export function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new NodeTimeoutError(ms)), ms);
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

export interface StepLimits {
  /** Milliseconds that each step of a node may take. */
  timeoutMs: number;
  /** Number of nodes: once so many have succeeded, the others get no more than `graceMs`. */
  enough: number;
  /** Milliseconds that the others get then. */
  graceMs: number;
}

/** Waits for all as `Promise.allSettled` does, but for each only as long as patience lasts. */
export function settleInTime<T>(work: readonly Promise<T>[], patience: StepLimits): Promise<PromiseSettledResult<T>[]> {
  return new Promise((resolve) => {
    let waitedMs = patience.timeoutMs;
    const outcomes = work.map((): PromiseSettledResult<T> | undefined => undefined);
    let unsettled = work.length;
    let fulfilled = 0;
    const finish = () => {
      clearTimeout(timer);
      const late = () => ({ status: "rejected", reason: new NodeTimeoutError(waitedMs) }) as const;
      resolve(outcomes.map((outcome) => outcome ?? late()));
    };
    let timer = setTimeout(finish, waitedMs);
    const settle = (index: number, outcome: PromiseSettledResult<T>) => {
      outcomes[index] = outcome;
      unsettled--;
      if (outcome.status === "fulfilled") fulfilled++;
      if (unsettled === 0) return finish();
      if (outcome.status === "fulfilled" && fulfilled === patience.enough) {
        clearTimeout(timer);
        waitedMs = Math.min(patience.graceMs, patience.timeoutMs);
        timer = setTimeout(finish, waitedMs);
      }
    };
    for (const [index, one] of work.entries()) {
      one.then(
        (value) => settle(index, { status: "fulfilled", value }),
        (reason: unknown) => settle(index, { status: "rejected", reason }),
      );
    }
    if (unsettled === 0) finish();
  });
}

/** Yields what the source yields, and throws NodeTimeoutError when the next takes longer than `ms`. */
export async function* eachInTime<T>(source: AsyncIterable<T>, ms: number): AsyncGenerator<T, void, void> {
  const iterator = source[Symbol.asyncIterator]();
  let isStalled = false;
  try {
    for (;;) {
      const next = await inTime(iterator.next(), ms);
      if (next.done) return;
      yield next.value;
    }
  } catch (error) {
    isStalled = error instanceof NodeTimeoutError;
    throw error;
  } finally {
    const closing = iterator.return?.()?.then(
      () => {},
      () => {},
    );
    // One that stalls closes when it goes on.
    if (!isStalled) await closing;
  }
}
