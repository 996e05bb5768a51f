import { sha256, toHex } from "./digests.ts";

/** Bytes at each end of a file that its key is made of. */
const END = 64 * 1024;

/** A file as its key sees it. */
export interface KeyedFile {
  /** Name, with folders where they tell it from others. */
  path: string;
  /** Bytes. */
  size: number;
  /** Time of its last change, in milliseconds since 1970. */
  modifiedMs: number;
}

/**
 * Makes a key by which the upload of the same file is found again. Two files of one name may have the same size and time, as out
 * of two archives: so what they begin and end with is in it, too.
 * @param read gives the bytes from `start` up to `end`
 */
export async function fileKey(
  { path, size, modifiedMs }: KeyedFile,
  read: (start: number, end: number) => Promise<Uint8Array>,
): Promise<string> {
  const first = await read(0, Math.min(END, size));
  const last = await read(Math.max(first.length, size - END), size);
  const facts = new TextEncoder().encode(`${path}\0${size}\0${modifiedMs}\0`);
  const all = new Uint8Array(facts.length + first.length + last.length);
  all.set(facts);
  all.set(first, facts.length);
  all.set(last, facts.length + first.length);
  return toHex(await sha256(all));
}
