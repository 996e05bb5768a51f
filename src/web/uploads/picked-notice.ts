import { count } from "../ui/format.ts";
import { showToast } from "../ui/toasts.tsx";
import { type Dropped, filenameOf } from "./picked-files.ts";
import type { UploadQueue } from "./upload-queue.ts";

/** Uploads them, and says what is not as one might expect. */
export async function uploadPicked(queue: UploadQueue, { files: picked, unreadable, empty }: Dropped): Promise<void> {
  const nested = picked.find(({ path }) => path.includes("/"));
  if (nested !== undefined) {
    showToast(`Folders become part of the name: ${nested.path} is stored as “${filenameOf(nested.path)}”.`);
  }
  if (empty.length > 0) {
    showToast(`There is no file in ${andOthers(empty)}: a folder by itself isn't stored.`);
  }
  const added = await queue.add(picked);
  const failed = [...unreadable, ...added.unreadable];
  if (failed.length > 0) showToast(`The browser could not read ${andOthers(failed)}.`, { problem: true });
  const { already } = added;
  if (already > 0) {
    showToast(`${count(already, "file")} of these ${already === 1 ? "is" : "are"} being uploaded already.`);
  }
}

function andOthers([first = "", ...others]: readonly string[]): string {
  return others.length === 0 ? first : `${first} and ${count(others.length, "other")}`;
}
