import cliProgress from "cli-progress";

/** One work's place in the display. */
export interface ProgressTask {
  /** @param summary what is said of it besides the bar, in words */
  update(done: number, total: number, summary: string): void;
  /** Tells of something that failed and is tried again. */
  retry(message: string, delayMs: number): void;
  /** Ends it, well or not; no bar is left of it. */
  end(): void;
}

/** Shows how far works are, and what is said meanwhile. */
export interface ProgressDisplay {
  begin(name: string): ProgressTask;
  /** Writes a line of its own, where the progress is shown. */
  note(line: string): void;
  /** Writes a line of its own, on standard output. */
  result(line: string): void;
  close(): void;
}

export interface DisplayOptions {
  /** Where the progress is shown. */
  stream: NodeJS.WriteStream;
  /** Time between two lines on a work, where the stream is no terminal. */
  lineEveryMs: number;
  /** Whether a work's last line is written in any case, where the stream is no terminal. */
  tellsEnd?: boolean;
}

/** Opens a display of bars at a terminal, of lines elsewhere. */
export function openDisplay(options: DisplayOptions): ProgressDisplay {
  return options.stream.isTTY ? new Bars(options.stream) : new Lines(options);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function inSeconds(delayMs: number): string {
  return `${(delayMs / 1000).toFixed(1)} s`;
}

/** A display that shows results only. */
export class SilentDisplay implements ProgressDisplay {
  begin(): ProgressTask {
    return { update() {}, retry() {}, end() {} };
  }

  note(): void {}
  result = print;
  close(): void {}
}

class Lines implements ProgressDisplay {
  readonly #options: DisplayOptions;

  constructor(options: DisplayOptions) {
    this.#options = options;
  }

  begin(name: string): ProgressTask {
    const { lineEveryMs, tellsEnd = false } = this.#options;
    let printedAt = performance.now();
    let latest = "";
    let printed = "";
    const tell = () => {
      if (latest === printed) return;
      printed = latest;
      printedAt = performance.now();
      this.note(`${name}: ${latest}`);
    };
    return {
      update(_done, _total, summary) {
        latest = summary;
        if (performance.now() - printedAt >= lineEveryMs) tell();
      },
      retry: (message, delayMs) => this.note(`${name}: ${message} Trying again in ${inSeconds(delayMs)}.`),
      end() {
        if (tellsEnd) tell();
      },
    };
  }

  note(line: string): void {
    this.#options.stream.write(`${line}\n`);
  }

  result = print;
  close(): void {}
}

const NAME_WIDTH = 24;

class Bars implements ProgressDisplay {
  readonly #bars: cliProgress.MultiBar;

  constructor(stream: NodeJS.WriteStream) {
    this.#bars = new cliProgress.MultiBar({
      format: "{name} {bar} {percentage}% {summary}",
      barsize: 24,
      hideCursor: true,
      clearOnComplete: true,
      gracefulExit: false,
      stopOnComplete: false,
      stream,
    });
  }

  begin(name: string): ProgressTask {
    const fitted = name.length > NAME_WIDTH ? `${name.slice(0, NAME_WIDTH - 1)}…` : name.padEnd(NAME_WIDTH);
    const bar = this.#bars.create(1, 0, { name: fitted, summary: "" });
    let told: string | undefined;
    return {
      update(done, total, summary) {
        bar.setTotal(Math.max(1, total));
        bar.update(total === 0 ? 1 : done, { summary });
      },
      retry: (message, delayMs) => {
        // A bar's line is cut at the terminal's edge: what happened gets one of its own.
        if (message !== told) this.note(`${name}: ${message} Trying again.`);
        told = message;
        bar.update({ summary: `trying again in ${inSeconds(delayMs)}` });
      },
      end: () => {
        this.#bars.remove(bar);
      },
    };
  }

  note(line: string): void {
    this.#bars.log(`${line}\n`);
  }

  /** Prints a result on standard output: above the bars, where that is their terminal. */
  result(line: string): void {
    if (process.stdout.isTTY) this.note(line);
    else print(line);
  }

  close(): void {
    // Writes what was noted since it last did.
    this.#bars.update();
    this.#bars.stop();
  }
}
