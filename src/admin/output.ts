import { type Options, SingleBar } from "cli-progress";

const LINE_INTERVAL_MS = 5_000;

/** How far a long work is. */
export interface Progress {
  /** @param note such as the bytes moved so far */
  update(done: number, total: number, note?: string): void;
  /** The last word on it; no bar is left on the terminal. */
  end(): void;
}

/** What a command tells the person who runs it: on standard output, all but errors. */
export class Terminal {
  #bar: SingleBar | undefined;
  readonly #said = new Set<string>();

  line(text: string): void {
    // A line in a bar's place; the bar draws itself anew below.
    if (this.#bar !== undefined) process.stdout.write("\r\u001b[K");
    console.log(text);
  }

  /** Says it the first time only. */
  once(text: string): void {
    if (this.#said.has(text)) return;
    this.#said.add(text);
    this.line(text);
  }

  /** A bar at a terminal; elsewhere a line every few seconds, and at the end. @param unit such as "chunks" */
  progress(unit: string): Progress {
    return process.stdout.isTTY ? this.#drawn(unit) : this.#printed(unit);
  }

  #drawn(unit: string): Progress {
    const format = `{bar} {percentage}% | {value} of {total} ${unit}{note} | {eta_formatted} left`;
    const options: Options = { format, stream: process.stdout, hideCursor: true, barsize: 30, gracefulExit: false };
    const bar = new SingleBar(options);
    this.#bar = bar;
    bar.start(0, 0, { note: "" });
    return {
      update(done, total, note) {
        bar.setTotal(total);
        bar.update(done, { note: note === undefined ? "" : `, ${note}` });
      },
      end: () => {
        bar.stop();
        this.#bar = undefined;
      },
    };
  }

  #printed(unit: string): Progress {
    let printedAt = performance.now();
    let latest = "";
    let printed = "";
    const print = () => {
      if (latest === printed) return;
      printed = latest;
      printedAt = performance.now();
      this.line(latest);
    };
    return {
      update(done, total, note) {
        const percentage = total === 0 ? 100 : Math.floor((100 * done) / total);
        latest = `${done} of ${total} ${unit}${note === undefined ? "" : `, ${note}`} (${percentage} %)`;
        if (performance.now() - printedAt >= LINE_INTERVAL_MS) print();
      },
      end: print,
    };
  }
}
