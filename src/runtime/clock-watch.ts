const TICK_MS = 1_000;
/** A clock that is set by more than this has jumped; daemons that keep it right do so in smaller steps. */
export const JUMP_MS = 30_000;
/** A tick that comes later than this wasn't ours to wait for: the machine was suspended, or all clocks were moved. */
const GAP_MS = 60_000;

/** How long a clock that has jumped has to go on evenly before what it says may expire something for good. */
export const SETTLED_MS = 3600_000;

/**
 * Notices that the wall clock jumps, ahead or back, or that the machine was suspended: an age that is reckoned by it says
 * nothing then, and what can't be undone waits.
 */
export class ClockWatch {
  readonly #startedAt = Date.now() - performance.now();
  #wall = Date.now();
  #steady = performance.now();
  #jumps = 0;
  #quietTicks = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Called at each jump, with the milliseconds ahead. */
  onJump: (ms: number) => void = () => {};

  start(): void {
    this.#timer ??= setInterval(() => {
      this.#quietTicks++;
      this.#look(true);
    }, TICK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** How often it has jumped up to now. */
  get jumps(): number {
    this.#look(false);
    return this.#jumps;
  }

  /** Whether it has not jumped, or has gone on evenly for so long since. */
  isSettled(forMs: number): boolean {
    return this.jumps === 0 || this.#quietTicks * TICK_MS >= forMs;
  }

  /** Gives the milliseconds since 1970: the wall clock's, or, where that was set back, as it would be had it only gone on. */
  latest(wall = Date.now()): number {
    const steady = this.#startedAt + performance.now();
    // A daemon that keeps the clock right moves it a little, too.
    return steady - wall > JUMP_MS ? steady : wall;
  }

  /** Counts as a jump what was found otherwise. */
  distrust(): void {
    this.#jumps++;
    this.#quietTicks = 0;
  }

  #look(isTick: boolean): void {
    const [wall, steady] = [Date.now(), performance.now()];
    const ahead = wall - this.#wall - (steady - this.#steady);
    const isGap = this.#timer !== undefined && wall - this.#wall > GAP_MS;
    if (Math.abs(ahead) > JUMP_MS || isGap) {
      this.#jumps++;
      this.#quietTicks = 0;
      this.onJump(isGap ? wall - this.#wall : ahead);
    } else if (!isTick) return;
    this.#wall = wall;
    this.#steady = steady;
  }
}

/** The process's. */
export const clockWatch = new ClockWatch();
