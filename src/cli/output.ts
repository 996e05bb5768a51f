import prettyBytes from "pretty-bytes";

export function bytes(count: number): string {
  return prettyBytes(count, { binary: true });
}

/** As `2026-11-22 18:35`, in the person's own time zone. */
export function time(iso: string): string {
  const date = new Date(iso);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value));
}

/** In columns, all but the last one padded. */
export function printColumns(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows) {
    const last = row.length - 1;
    print(row.map((cell, column) => (column === last ? cell : cell.padEnd(widths[column] ?? 0))).join("  "));
  }
}
