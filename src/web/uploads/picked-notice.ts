import { count } from "../ui/format.ts";
import { showToast } from "../ui/toasts.tsx";
import { type Dropped, filenameOf } from "./picked-files.ts";
import type { UploadQueue } from "./upload-queue.ts";

/** Uploads them, and says what is not as one might expect. */
export function uploadPicked(queue: UploadQueue, { files: picked, unreadable }: Dropped): void {
  const [first] = unreadable;
  if (first !== undefined) {
    const others = unreadable.length === 1 ? "" : ` and ${count(unreadable.length - 1, "other")}`;
    showToast(`The browser could not read ${first}${others}.`, { problem: true });
  }
  const already = queue.add(picked);
  if (already > 0)
    showToast(`${count(already, "file")} of these ${already === 1 ? "is" : "are"} being uploaded already.`);
  const nested = picked.find(({ path }) => path.includes("/"));
  if (nested !== undefined) {
    showToast(`Folders become part of the name: ${nested.path} is stored as “${filenameOf(nested.path)}”.`);
  }
}
