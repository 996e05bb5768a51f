import ms, { type StringValue } from "ms";
import { UsageError } from "./exit-codes.ts";

/** @returns the seconds of a duration such as `12h`. @throws UsageError for one that is not from a second to `most` */
export function parseSeconds(option: string, text: string, most: StringValue, told: string): number {
  const milliseconds = /^\d+(\.\d+)?\s*(s|m|h|d|w|y)$/.test(text) ? ms(text as StringValue) : 0;
  if (milliseconds < 1000 || milliseconds > ms(most)) {
    throw new UsageError(`${option} accepts a duration of a second to ${told}, such as 30m, 12h or 7d.`);
  }
  return Math.round(milliseconds / 1000);
}
