import { formatTable } from "../terminal/table.ts";

/** Formats a time as `2026-11-22 18:35`, in the person's own time zone. */
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

export function printTable(rows: readonly (readonly string[])[]): void {
  if (rows.length > 0) print(formatTable(rows));
}
