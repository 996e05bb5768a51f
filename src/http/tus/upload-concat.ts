import { BadUserInputError } from "../../errors.ts";

type UploadConcat = { kind: "partial" } | { kind: "final"; partIds: string[] };

/** Reads an Upload-Concat header, as the section of this name has it. @throws BadUserInputError */
export function parseConcat(header: string | undefined): UploadConcat | undefined {
  if (header === undefined) return undefined;
  if (header === "partial") return { kind: "partial" };
  const urls = /^final; *(\S+(?: +\S+)*)$/.exec(header)?.[1]?.split(/ +/);
  if (urls !== undefined) return { kind: "final", partIds: urls.map(idOf) };
  throw new BadUserInputError("upload-concat", "upload-concat accepts 'partial', or 'final;' and the parts' URLs.");
}

/** Whichever name the client knows the server by, the path's end is the id. What is none is found nowhere. */
function idOf(url: string): string {
  const path = url.split(/[?#]/, 1)[0] ?? "";
  return path.replace(/\/+$/, "").split("/").at(-1) ?? "";
}

export function isFinal(header: string | undefined): boolean {
  return header?.startsWith("final") ?? false;
}
