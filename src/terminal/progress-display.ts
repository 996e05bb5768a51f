import cliProgress from "cli-progress";
import type { Progress, StowageError } from "../client/node.ts";
import { formatBytes } from "../terminal/format.ts";
import { print } from "./output.ts";

/** One transfer's place in the display. */
interface Task {
  progress(progress: Progress): void;
  /** Tells of something that failed and is tried again. */
  retry(error: StowageError, delayMs: number): void;
  /** Ends it, well or not. */
  end(): void;
}

/** Shows transfers on standard error, so that standard output has results only. */
export interface ProgressDisplay {
  begin(name: string): Task;
  /** A line of its own, on standard error. */
  note(line: string): void;
  /** A line of its own, on standard output. */
  result(line: string): void;
  close(): void;
}

export function openDisplay(quiet: boolean): ProgressDisplay {
  if (quiet) return new Silence();
  return process.stderr.isTTY ? new Bars() : new Lines();
}

function summary({ bytes: moved, totalBytes, bytesPerSecond, secondsLeft }: Progress): string {
  const left = secondsLeft === undefined ? "" : `, ${duration(secondsLeft)} left`;
  return `${formatBytes(moved)} of ${formatBytes(totalBytes)}, ${formatBytes(Math.round(bytesPerSecond))}/s${left}`;
}

/** Formats a time as `1:02:03` or `2:03`. */
function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (parts[0] === 0) parts.shift();
  return parts.map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}

function retryLine(name: string, error: StowageError, delayMs: number): string {
  return `${name}: ${error.message} Trying again in ${(delayMs / 1000).toFixed(1)} s.`;
}

class Silence implements ProgressDisplay {
  begin(): Task {
    return { progress() {}, retry() {}, end() {} };
  }

  note(): void {}
  result = print;
  close(): void {}
}

const LINE_EVERY_MS = 10_000;

class Lines implements ProgressDisplay {
  begin(name: string): Task {
    let last = performance.now();
    return {
      progress: (progress) => {
        const now = performance.now();
        if (now - last < LINE_EVERY_MS) return;
        last = now;
        this.note(`${name}: ${summary(progress)}`);
      },
      retry: (error, delayMs) => this.note(retryLine(name, error, delayMs)),
      end: () => {},
    };
  }

  note(line: string): void {
    process.stderr.write(`${line}\n`);
  }

  result = print;
  close(): void {}
}

const NAME_WIDTH = 24;

class Bars implements ProgressDisplay {
  readonly #bars = new cliProgress.MultiBar({
    format: "{name} {bar} {percentage}% {summary}",
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false,
    stopOnComplete: false,
    stream: process.stderr,
  });

  begin(name: string): Task {
    const fitted = name.length > NAME_WIDTH ? `${name.slice(0, NAME_WIDTH - 1)}…` : name.padEnd(NAME_WIDTH);
    const bar = this.#bars.create(1, 0, { name: fitted, summary: "" });
    let told: string | undefined;
    return {
      progress: (progress) => {
        bar.setTotal(Math.max(1, progress.totalBytes));
        bar.update(progress.totalBytes === 0 ? 1 : progress.bytes, { summary: summary(progress) });
      },
      retry: (error, delayMs) => {
        // A bar's line is cut at the terminal's edge: what happened gets one of its own.
        if (error.message !== told) this.note(`${name}: ${error.message} Trying again.`);
        told = error.message;
        bar.update({ summary: `trying again in ${(delayMs / 1000).toFixed(1)} s` });
      },
      end: () => {
        this.#bars.remove(bar);
      },
    };
  }

  note(line: string): void {
    this.#bars.log(`${line}\n`);
  }

  /** Writes above the bars, which are drawn over what else is written to the same terminal. */
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
