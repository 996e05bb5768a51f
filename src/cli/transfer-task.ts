import type { Progress, StowageError } from "../client/node.ts";
import { formatBytes } from "../terminal/format.ts";
import { openDisplay, type ProgressDisplay, SilentDisplay } from "../terminal/progress-display.ts";

const LINE_EVERY_MS = 10_000;

/** Shows transfers on standard error, so that standard output has results only; nothing where `quiet`. */
export function openTransferDisplay(quiet: boolean): ProgressDisplay {
  return quiet ? new SilentDisplay() : openDisplay({ stream: process.stderr, lineEveryMs: LINE_EVERY_MS });
}

/** A transfer's place in the display, as the client library tells of it. */
export interface TransferTask {
  onProgress(progress: Progress): void;
  onRetry(error: StowageError, delayMs: number): void;
  end(): void;
}

export function beginTransfer(display: ProgressDisplay, name: string): TransferTask {
  const task = display.begin(name);
  return {
    onProgress: (progress) => task.update(progress.bytes, progress.totalBytes, summary(progress)),
    onRetry: (error, delayMs) => task.retry(error.message, delayMs),
    end: () => task.end(),
  };
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
