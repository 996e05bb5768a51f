import { link, open, rename, unlink } from "node:fs/promises";
import { codeOf } from "./errno.ts";

/** The codes by which file systems say that they have no hard links. */
const NO_HARD_LINKS = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]);

/**
 * Gives a file another name, unless that is taken.
 * @returns false where the file system has no hard links
 * @throws with the code EEXIST when the name is taken
 */
export async function linkFile(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (NO_HARD_LINKS.has(codeOf(error) ?? "")) return false;
    throw error;
  }
}

/**
 * Gives a file a name, of which it may keep the old one. Unlike `rename`, it replaces nothing; without hard links, an empty file
 * has the name for a moment.
 * @throws with the code EEXIST when the name is taken
 */
export async function placeFile(from: string, to: string): Promise<void> {
  if (await linkFile(from, to)) return;
  const claimed = await open(to, "wx");
  try {
    await claimed.close();
    await rename(from, to);
  } catch (error) {
    await unlink(to).catch(() => {});
    throw error;
  }
}
