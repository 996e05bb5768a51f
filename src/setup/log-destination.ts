import { constants, fstatSync, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { DestinationStream } from "pino";
import sonicBoom from "sonic-boom";

const STANDARD_ERROR = 2;
/** Bytes of lines that wait to be written; those on top are dropped. */
const MOST_WAITING = 1024 * 1024;
/** Bytes: a busy event loop comes to few writes, and each should take much along. */
const WRITTEN_AT_ONCE = 256 * 1024;
const FLUSH_MS = 500;
const RETRY_MS = 1_000;

/**
 * A descriptor on which a reader that stalls, of a pipe or at a terminal, is answered with EAGAIN instead of waited for.
 * The one that the process was given may be shared with others, who expect it to wait.
 */
function withoutWaiting(fd: number): number {
  const stat = fstatSync(fd);
  if (!stat.isFIFO() && !stat.isCharacterDevice()) return fd;
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK);
  } catch {
    return fd;
  }
}

/** Standard error for a log that never stops who writes it: what can't be written is dropped, counted and told of later. */
export class LogDestination implements DestinationStream {
  readonly #stream: InstanceType<typeof sonicBoom.SonicBoom>;
  #dropped = 0;
  /** Called with the number of lines that were dropped, as soon as lines can be written again. */
  onRecovered: (dropped: number) => void = () => {};

  constructor() {
    // Not pino's own, which at the process's end waits until all can be written.
    this.#stream = new sonicBoom.SonicBoom({
      fd: withoutWaiting(STANDARD_ERROR),
      sync: false,
      maxLength: MOST_WAITING,
      maxWrite: WRITTEN_AT_ONCE,
    });
    this.#stream.on("drop", () => {
      this.#dropped++;
    });
    // A full disk: the lines stay until there is room.
    this.#stream.on("error", () => setTimeout(() => this.#stream.flush(() => {}), RETRY_MS).unref());
    this.#stream.on("drain", () => this.#tell());
  }

  write(line: string): void {
    this.#stream.write(line);
  }

  /** Resolves when all has been written, or can't be for now. */
  async flush(): Promise<void> {
    const flushed = new Promise<void>((resolve) => this.#stream.flush(() => resolve()));
    await Promise.race([flushed, sleep(FLUSH_MS, undefined, { ref: false })]);
  }

  #tell(): void {
    const dropped = this.#dropped;
    if (dropped === 0) return;
    this.#dropped = 0;
    this.onRecovered(dropped);
  }
}
