import { useRef } from "react";
import { Icon } from "../ui/icon.tsx";
import { showToast } from "../ui/toasts.tsx";
import { filesOfInput, pickFiles } from "./picked-files.ts";
import { uploadPicked } from "./picked-notice.ts";
import type { UploadQueue } from "./upload-queue.ts";

/** Chooses files, or a folder. */
export function UploadButtons({ queue }: { queue: UploadQueue }) {
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);

  function take(input: HTMLInputElement) {
    void uploadPicked(queue, filesOfInput(input));
    // So that the same choice again is one.
    input.value = "";
  }

  async function choose() {
    const picked = pickFiles();
    if (picked === undefined) return files.current?.click();
    try {
      await uploadPicked(queue, await picked);
    } catch {
      showToast("The browser could not read what was chosen.", { problem: true });
    }
  }

  return (
    <div className="upload-buttons">
      <input
        ref={files}
        type="file"
        multiple
        hidden
        data-testid="files"
        onChange={(event) => take(event.currentTarget)}
      />
      <input
        ref={folder}
        type="file"
        // React's types don't know it.
        {...{ webkitdirectory: "" }}
        hidden
        data-testid="folder"
        onChange={(event) => take(event.currentTarget)}
      />
      <button type="button" className="button" onClick={() => folder.current?.click()}>
        <Icon name="folder" /> Upload a folder
      </button>
      <button type="button" className="button primary" onClick={choose}>
        <Icon name="upload" /> Upload files
      </button>
    </div>
  );
}
