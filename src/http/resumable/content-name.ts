import { parse } from "content-disposition";
import { BadUserInputError } from "../../errors.ts";
import { NAMELESS } from "../../metadata/filename.ts";

/** RFC 6266 section 4.1: a type, and parameters. */
const WELL_FORMED =
  /^\s*[\w!#$%&'*+.^`|~-]+(\s*;\s*[\w!#$%&'*+.^`|~-]+\s*=\s*([\w!#$%&'*+.^`|~-]+|"(\\.|[^"\\])*"))*\s*;?\s*$/;

/** Node reads headers as Latin-1; many clients write UTF-8. */
function asWritten(header: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(header, "latin1"));
  } catch {
    return header;
  }
}

/**
 * The filename of a request's Content-Disposition (RFC 6266), of whatever type it is.
 * @throws BadUserInputError where one is there that can't be read
 */
export function filenameOf(contentDisposition: string | undefined): string {
  if (contentDisposition === undefined) return NAMELESS;
  const header = asWritten(contentDisposition);
  const filename = parse(header).parameters["filename"];
  if (filename) return filename;
  if (WELL_FORMED.test(header) && !/filename/i.test(header)) return NAMELESS;
  const takes = `content-disposition accepts a name such as attachment; filename="film.mp4" or filename*=UTF-8''k%C3%A4se.txt`;
  throw new BadUserInputError("content-disposition", `${takes} (RFC 6266).`);
}
