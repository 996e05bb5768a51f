/** Work goes on for so long at once before what else there is has its turn. */
const LONG_MS = 10;

let turnedAt = performance.now();
let turning: Promise<void> | undefined;

/**
 * Lets the event loop turn where it hasn't for long: promises that settle at once, as those of an embedded database do,
 * run one after the other, and hundreds of requests would keep all others waiting.
 */
export async function breathe(): Promise<void> {
  while (performance.now() - turnedAt >= LONG_MS) {
    turning ??= new Promise((resolve) => {
      setImmediate(() => {
        turnedAt = performance.now();
        turning = undefined;
        resolve();
      });
    });
    await turning;
  }
}
