import { link, open, rename, unlink } from "node:fs/promises";
import { codeOf } from "./errno.ts";

/** The codes by which file systems say that they have no hard links. */
const NO_HARD_LINKS = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]);

/**
 * Gives a file a name in one step; `from` may be there still. Unlike `rename`, it replaces nothing.
 * @throws with the code EEXIST when the name is taken
 */
export async function placeFile(from: string, to: string): Promise<void> {
  try {
    return await link(from, to);
  } catch (error) {
    if (!NO_HARD_LINKS.has(codeOf(error) ?? "")) throw error;
  }
  await (await open(to, "wx")).close();
  try {
    await rename(from, to);
  } catch (error) {
    await unlink(to).catch(() => {});
    throw error;
  }
}
