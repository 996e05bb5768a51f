import { BadUserInputError } from "../errors.ts";
import { UNSEEN } from "../runtime/unseen.ts";

/** What a file is called whose client gave it no name, by protocols where it needn't. */
export const NAMELESS = "unnamed";

/** Characters, as a person counts them: an emoji is one. */
export const MAX_FILENAME_LENGTH = 255;
const MAX_KEY_LENGTH = 512;

/**
 * A filename is a label: it never becomes a path here, nor may it on the machine of whoever downloads it.
 * @throws BadUserInputError
 */
export function checkFilename(filename: string): void {
  const refuse = (why: string) => {
    throw new BadUserInputError("filename", `filename ${why}.`);
  };
  const { length } = [...filename];
  if (length > MAX_FILENAME_LENGTH) refuse(`accepts at most ${MAX_FILENAME_LENGTH} characters; this one has ${length}`);
  if (!filename.isWellFormed()) refuse("accepts well-formed Unicode; this one has half of a surrogate pair");
  if (UNSEEN.test(filename)) refuse("accepts no control characters, line breaks or text-direction overrides");
  if (/[/\\]/.test(filename)) refuse("accepts a name without a path: no '/' and no '\\'");
  if (!/[^\p{Z}\p{C}]/u.test(filename)) refuse("accepts at least one character that can be seen");
  if (filename === "." || filename === "..") refuse("accepts a name other than '.' and '..'");
}

/**
 * What search and order by filename compare: the same for names that differ in case or in how accents are composed. Case is
 * folded, not lowered: a Greek sigma is lowered to another letter at a word's end, and a sharp s is two letters, small or capital.
 */
export function filenameKey(text: string): string {
  const lower = (name: string) => Array.from(name, (character) => character.toLowerCase()).join("");
  return lower(lower(text.normalize("NFC")).toUpperCase())
    .normalize("NFC")
    .slice(0, MAX_KEY_LENGTH);
}
