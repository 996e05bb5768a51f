import { parse } from "content-disposition";
import { NAMELESS } from "../../files/filename.ts";

/** The filename of a request's Content-Disposition (RFC 6266), of whatever type it is. */
export function filenameOf(contentDisposition: string | undefined): string {
  return parse(contentDisposition ?? "").parameters["filename"] || NAMELESS;
}
