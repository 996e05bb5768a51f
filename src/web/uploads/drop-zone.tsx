import "./drop-zone.css";
import { useEffect, useState } from "react";
import { Icon } from "../ui/icon.tsx";
import { showToast } from "../ui/toasts.tsx";
import { filesOfDrop } from "./picked-files.ts";
import { uploadPicked } from "./picked-notice.ts";
import type { UploadQueue } from "./upload-queue.ts";

const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;

/** The whole window takes files and folders. */
export function DropZone({ queue }: { queue: UploadQueue }) {
  const [over, setOver] = useState(false);

  useEffect(() => {
    const listening = new AbortController();
    const { signal } = listening;
    const onDrag = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const onDrop = async (event: DragEvent) => {
      setOver(false);
      if (event.dataTransfer === null || !hasFiles(event)) return;
      event.preventDefault();
      try {
        const dropped = await filesOfDrop(event.dataTransfer);
        const { files, unreadable, empty } = dropped;
        if (files.length + unreadable.length + empty.length === 0) showToast("There is no file in what was dropped.");
        await uploadPicked(queue, dropped);
      } catch {
        showToast("The browser could not read what was dropped.", { problem: true });
      }
    };
    window.addEventListener("dragenter", onDrag, { signal });
    window.addEventListener("dragover", onDrag, { signal });
    window.addEventListener("drop", onDrop, { signal });
    // Only when the window itself is left is there nothing that is entered instead.
    const onLeave = (event: DragEvent) => {
      if (event.relatedTarget === null) setOver(false);
    };
    window.addEventListener("dragleave", onLeave, { signal });
    return () => listening.abort();
  }, [queue]);

  if (!over) return null;
  return (
    <div className="drop-zone" role="status">
      <div>
        <Icon name="upload" size={26} />
        <p>Drop files and folders to upload them</p>
      </div>
    </div>
  );
}
