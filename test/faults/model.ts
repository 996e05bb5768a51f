import type { PatternedFile } from "../support/patterned-file.ts";
import type { SeededRandom } from "../support/seeded-random.ts";

/** What a client knows of a file by the answers that it got. */
export interface KnownFile {
  id: string;
  content: PatternedFile;
  totalChunks: number;
  /** Indexes. */
  acknowledged: Set<number>;
  state: "open" | "complete" | "gone";
  /** The completion, or the deletion or abortion, was asked for and never answered: it may have happened. */
  maybeComplete: boolean;
  maybeGone: boolean;
  /** One of these; several after renamings that were never answered. */
  filenames: Set<string>;
}

/** What a client was told, and so what has to be there. */
export class Model {
  readonly files: KnownFile[] = [];
  readonly quotaBytes: number;

  constructor(quotaBytes: number) {
    this.quotaBytes = quotaBytes;
  }

  add(facts: Pick<KnownFile, "id" | "content" | "totalChunks">, filename: string): void {
    const unknown = { acknowledged: new Set<number>(), maybeComplete: false, maybeGone: false };
    this.files.push({ ...facts, ...unknown, state: "open", filenames: new Set([filename]) });
  }

  /** One of those in the state that are there for certain. */
  pick(random: SeededRandom, state: KnownFile["state"]): KnownFile | undefined {
    const files = this.files.filter((file) => file.state === state && !file.maybeGone);
    return files[random.integer(0, files.length - 1)];
  }

  count(state: KnownFile["state"]): number {
    return this.files.filter((file) => file.state === state).length;
  }

  /** It was looked what happened. */
  settle(file: KnownFile, state: KnownFile["state"], filename?: string): void {
    Object.assign(file, { state, maybeComplete: false, maybeGone: false });
    if (filename !== undefined) file.filenames = new Set([filename]);
  }

  forgetGone(): void {
    const present = this.files.filter(({ state }) => state !== "gone");
    this.files.splice(0, this.files.length, ...present);
  }

  /** Whether the quota lets in so many bytes more; `maybe` where an unanswered request decides. */
  hasRoom(bytes: number): "yes" | "maybe" | "no" {
    const sum = (files: readonly KnownFile[]) => files.reduce((total, { content }) => total + content.size, bytes);
    const present = this.files.filter(({ state }) => state !== "gone");
    if (sum(present) <= this.quotaBytes) return "yes";
    return sum(present.filter(({ maybeGone }) => !maybeGone)) > this.quotaBytes ? "no" : "maybe";
  }
}
