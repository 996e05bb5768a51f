import type { IncomingHttpHeaders } from "node:http";
import { parseHttpDate } from "./http-date.ts";

/** What a representation is recognised by. */
interface Validators {
  /** A strong entity-tag with its quotes. */
  etag: string;
  /** Compared in whole seconds, as Last-Modified shows it. It has to be a strong validator too. */
  lastModified: Date;
}

interface Evaluation {
  outcome: "proceed" | "not-modified" | "precondition-failed";
  /** Whether a Range header counts, if there is one. */
  honourRange: boolean;
}

/**
 * Evaluates the preconditions of a GET or HEAD of something that exists, in the order of RFC 9110, section 13.2.2.
 * A malformed date is as good as none; a malformed entity-tag or list of them matches nothing.
 */
export function evaluatePreconditions(
  method: "GET" | "HEAD",
  headers: IncomingHttpHeaders,
  validators: Validators,
): Evaluation {
  const failed = (outcome: Evaluation["outcome"]): Evaluation => ({ outcome, honourRange: false });
  const { "if-match": ifMatch, "if-none-match": ifNoneMatch } = headers;
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, validators.etag, isSameStrongly)) return failed("precondition-failed");
  } else if (isBefore(headers["if-unmodified-since"], validators.lastModified)) {
    return failed("precondition-failed");
  }
  if (ifNoneMatch !== undefined) {
    if (matches(ifNoneMatch, validators.etag, isSameWeakly)) return failed("not-modified");
  } else if (isBefore(headers["if-modified-since"], validators.lastModified) === false) {
    return failed("not-modified");
  }
  return { outcome: "proceed", honourRange: method === "GET" && isRangeCurrent(headers, validators) };
}

interface EntityTag {
  weak: boolean;
  /** Entity tag with its quotes. */
  opaque: string;
}

const isSameStrongly = (tag: EntityTag, etag: string): boolean => !tag.weak && tag.opaque === etag;
const isSameWeakly = (tag: EntityTag, etag: string): boolean => tag.opaque === etag;

function matches(field: string, etag: string, isSame: typeof isSameWeakly): boolean {
  return field === "*" || parseEntityTags(field).some((tag) => isSame(tag, etag));
}

// Either a tag or nothing, up to the next comma or the end. No two neighbouring parts match the same characters, so
// that no input makes it backtrack.
const LIST_ELEMENT = /[ \t]*(?:(W\/)?("[\x21\x23-\x7e\x80-\xff]*")[ \t]*)?(,|$)/y;

/** @returns an empty list where the field breaks the grammar anywhere */
function parseEntityTags(field: string): EntityTag[] {
  const tags: EntityTag[] = [];
  LIST_ELEMENT.lastIndex = 0;
  for (;;) {
    const match = LIST_ELEMENT.exec(field);
    if (match === null) return [];
    const [, weak, opaque, separator] = match;
    if (opaque !== undefined) tags.push({ weak: weak !== undefined, opaque });
    if (separator === "") return tags;
  }
}

/** @returns undefined where the field is missing or no date */
function isBefore(field: string | undefined, lastModified: Date): boolean | undefined {
  const date = field === undefined ? undefined : parseHttpDate(field);
  return date === undefined ? undefined : date < wholeSeconds(lastModified);
}

/** If-Range: whether the client's part is of this very representation. */
function isRangeCurrent(headers: IncomingHttpHeaders, validators: Validators): boolean {
  const ifRange = headers["if-range"];
  if (ifRange === undefined) return true;
  if (typeof ifRange !== "string") return false;
  return ifRange === validators.etag || parseHttpDate(ifRange) === wholeSeconds(validators.lastModified);
}

function wholeSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000) * 1000;
}
