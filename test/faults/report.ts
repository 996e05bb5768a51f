import type { Fault } from "./plan.ts";

export type Outcome = "answered" | "refused" | "cut";

/** What was done and found in a run. */
export class Report {
  readonly title: string;
  readonly #faults = new Map<string, number>();
  readonly #requests = new Map<string, Record<Outcome, number>>();
  readonly #refusals = new Map<string, number>();
  readonly #facts = new Map<string, number>();
  readonly #startedAt = performance.now();

  constructor(title: string) {
    this.title = title;
  }

  fault(fault: Fault): void {
    const kind = fault.kind === "S3 answers" ? `S3: ${fault.how}` : fault.kind;
    this.#faults.set(kind, (this.#faults.get(kind) ?? 0) + 1);
  }

  /** @param code with which it was refused */
  request(kind: string, outcome: Outcome, code?: string): void {
    const counts = this.#requests.get(kind) ?? { answered: 0, refused: 0, cut: 0 };
    counts[outcome]++;
    this.#requests.set(kind, counts);
    if (code !== undefined) this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1);
  }

  add(fact: string, count: number): void {
    this.#facts.set(fact, (this.#facts.get(fact) ?? 0) + count);
  }

  /** For who waits. */
  progress(): void {
    console.log(`${this.title}: ${this.faults} faults, all restored`);
  }

  get faults(): number {
    return [...this.#faults.values()].reduce((sum, count) => sum + count, 0);
  }

  toString(): string {
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const line = (name: string, ...columns: (number | string)[]) =>
      `  ${name.padEnd(36)}${columns.map((column) => String(column).padStart(12)).join("")}`;
    const lines = (counts: ReadonlyMap<string, number>) =>
      [...counts].sort(([a], [b]) => a.localeCompare(b)).map(([name, count]) => line(name, count));
    return [
      `${this.title}: ${this.faults} faults in ${seconds.toFixed(0)} s`,
      line("fault", "times"),
      ...lines(this.#faults),
      line("request", "answered", "refused", "cut"),
      ...[...this.#requests]
        .sort(([a], [b]) => a.localeCompare(b))
        .map(([kind, { answered, refused, cut }]) => line(kind, answered, refused, cut)),
      line("refused with", "times"),
      ...lines(this.#refusals),
      line("found", "count"),
      ...lines(this.#facts),
    ].join("\n");
  }
}
