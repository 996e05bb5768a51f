/** Rows as columns under their heads. @param rightAligned the indexes of columns of numbers */
export function formatTable(
  heads: readonly string[],
  rows: readonly string[][],
  rightAligned: readonly number[],
): string {
  const lines = [heads, ...rows];
  const widths = heads.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? "").length)));
  const pad = (cell: string, column: number) =>
    rightAligned.includes(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0);
  return lines.map((line) => line.map(pad).join("  ").trimEnd()).join("\n");
}
