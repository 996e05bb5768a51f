import { BadUserInputError } from "../../errors.ts";
import { NAMELESS } from "../../metadata/filename.ts";

const MAX_LENGTH = 8192;
/** Names that clients use: tus-js-client's examples say `filename` and `filetype`, Uppy also `name` and `type`. */
const FILENAME_KEYS = ["filename", "name"];
const CONTENT_TYPE_KEYS = ["filetype", "contentType", "type"];

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export interface NamedContent {
  filename: string;
  contentType?: string | undefined;
}

/**
 * Reads an Upload-Metadata header, as the section of this name has it. What the keys that aren't ours say is only given
 * back; in Base64 it can't smuggle a header.
 * @throws BadUserInputError
 */
export function parseMetadata(header: string | undefined): NamedContent {
  const values = new Map<string, Uint8Array>();
  const refuse = (why: string) => {
    throw new BadUserInputError("upload-metadata", `upload-metadata ${why}.`);
  };
  if (header !== undefined && header.length > MAX_LENGTH) refuse(`accepts at most ${MAX_LENGTH} characters`);
  for (const pair of header?.trim() ? header.split(",") : []) {
    const match = /^([!-+\--~]+)(?: +([A-Za-z0-9+/]*={0,2}))?$/.exec(pair.trim());
    const [, key = "", value = ""] = match ?? [];
    if (match === null) refuse("accepts pairs of a key and a Base64 value, with a space between, separated by commas");
    if (values.has(key)) refuse(`has the key ${key} twice`);
    values.set(key, Buffer.from(value, "base64"));
  }
  const find = (keys: readonly string[]) => {
    const key = keys.find((name) => values.get(name)?.length);
    if (key === undefined) return undefined;
    try {
      return utf8.decode(values.get(key));
    } catch {
      return refuse(`has a ${key} that is no UTF-8`);
    }
  };
  return { filename: find(FILENAME_KEYS) ?? NAMELESS, contentType: find(CONTENT_TYPE_KEYS) };
}
