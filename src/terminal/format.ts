import prettyBytes from "pretty-bytes";

/** Units are powers of 1024, as in the settings. */
export function formatBytes(bytes: number): string {
  return prettyBytes(bytes, { binary: true });
}

/** "1 chunk", "2 chunks". */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
