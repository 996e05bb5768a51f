import ms, { type StringValue } from "ms";
import { z } from "zod";

const KIB = 1024;
export const MIB = KIB ** 2;
export const GIB = KIB ** 3;

const byteUnits = ["", "KIB", "MIB", "GIB", "TIB"];

/** "8 MiB", "8MB", "8M" and "8388608" are the same: units are powers of 1024. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([KMGT])(?:I?B)?|B)?$/i.exec(text.trim());
  if (match === null) return undefined;
  const unit = match[2] === undefined ? 0 : byteUnits.indexOf(`${match[2].toUpperCase()}IB`);
  return Math.round(Number(match[1]) * KIB ** unit);
}

export function parseDuration(text: string): number | undefined {
  return /^\d+(\.\d+)?\s*(ms|s|m|h|d|w)$/.test(text.trim()) ? ms(text.trim() as StringValue) : undefined;
}

export function bytes(min: number, max: number, fallback: string) {
  const takes = `bytes, such as 64KiB, 8MiB or 5TiB, from ${min} to ${max}`;
  return z
    .string()
    .default(fallback)
    .transform((text, context) => {
      const value = parseBytes(text);
      if (value !== undefined && value >= min && value <= max) return value;
      context.addIssue({ code: "custom", message: takes });
      return z.NEVER;
    });
}

/** Bytes; null for none. */
export function quota() {
  const takes = "none, or bytes such as 500MiB or 1TiB";
  return z
    .string()
    .default("none")
    .transform((text, context) => {
      if (text.trim() === "none") return null;
      const value = parseBytes(text);
      if (value !== undefined && Number.isSafeInteger(value)) return value;
      context.addIssue({ code: "custom", message: takes });
      return z.NEVER;
    });
}

/** Milliseconds. The upper bound is what a timer of Node's can hold. */
export function duration(fallback: string, max = 2 ** 31 - 1) {
  const min = 1000;
  const takes = `a duration from ${ms(min)} to ${ms(max)}, such as 90s, 12h or 7d`;
  return z
    .string()
    .default(fallback)
    .transform((text, context) => {
      const value = parseDuration(text);
      if (value !== undefined && value >= min && value <= max) return value;
      context.addIssue({ code: "custom", message: takes });
      return z.NEVER;
    });
}

export function integer(min: number, max: number, fallback: string) {
  return z
    .string()
    .default(fallback)
    .transform((text, context) => {
      const value = Number(text);
      if (/^\d+$/.test(text.trim()) && value >= min && value <= max) return value;
      context.addIssue({ code: "custom", message: `a whole number from ${min} to ${max}` });
      return z.NEVER;
    });
}

/** Gives null for the word. */
export function integerOr(word: string, min: number, max: number) {
  return z
    .string()
    .default(word)
    .transform((text, context) => {
      const value = Number(text);
      if (text.trim() === word) return null;
      if (/^\d+$/.test(text.trim()) && value >= min && value <= max) return value;
      context.addIssue({ code: "custom", message: `${word}, or a whole number from ${min} to ${max}` });
      return z.NEVER;
    });
}

export function choice<const T extends readonly [string, ...string[]]>(values: T, fallback: T[number]) {
  return z.enum(values, { error: values.join(" or ") }).default(fallback as never);
}

/** Milliseconds; null for `off`. */
export function durationOrOff(fallback: string, max: number) {
  const takes = `off, or a duration from ${ms(1000)} to ${ms(max)}, such as 12h or 30d`;
  return z
    .string()
    .default(fallback)
    .transform((text, context) => {
      if (text.trim() === "off") return null;
      const value = parseDuration(text);
      if (value !== undefined && value >= 1000 && value <= max) return value;
      context.addIssue({ code: "custom", message: takes });
      return z.NEVER;
    });
}
