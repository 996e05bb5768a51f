import { openDisplay, type ProgressDisplay } from "../terminal/progress-display.ts";

const LINE_EVERY_MS = 5_000;

/** How far a long work is. */
export interface Progress {
  /** @param note such as the bytes moved so far */
  update(done: number, total: number, note?: string): void;
  /** The last word on it; no bar is left on the terminal. */
  end(): void;
}

/** What a command tells the person who runs it: on standard output, all but errors. */
export class Terminal {
  #display: ProgressDisplay | undefined;
  readonly #said = new Set<string>();

  line(text: string): void {
    if (this.#display === undefined) console.log(text);
    else this.#display.result(text);
  }

  /** Says it the first time only. */
  once(text: string): void {
    if (this.#said.has(text)) return;
    this.#said.add(text);
    this.line(text);
  }

  /** A bar at a terminal; elsewhere a line every few seconds, and at the end. @param what such as "node1" @param unit such as "chunks" */
  progress(what: string, unit: string): Progress {
    const display = openDisplay({ stream: process.stdout, lineEveryMs: LINE_EVERY_MS, tellsEnd: true });
    const task = display.begin(what);
    this.#display = display;
    return {
      update(done, total, note) {
        const percentage = total === 0 ? 100 : Math.floor((100 * done) / total);
        task.update(
          done,
          total,
          `${done} of ${total} ${unit}${note === undefined ? "" : `, ${note}`} (${percentage} %)`,
        );
      },
      end: () => {
        task.end();
        display.close();
        this.#display = undefined;
      },
    };
  }
}
