import "./uploads.css";
import { useEffect, useRef } from "react";
import { count, formatBytes } from "../ui/format.ts";
import { useStore } from "../ui/store.ts";
import { showToast } from "../ui/toasts.tsx";
import type { UploadItem } from "./upload-item.ts";
import type { UploadQueue } from "./upload-queue.ts";
import { UploadRow } from "./upload-row.tsx";

/** Waiting uploads that are shown: more would hide the others. */
const MOST_WAITING = 4;
/** Another file may be about to follow. */
const NOTICE_DELAY_MS = 500;

const isActive = ({ state }: UploadItem) => state === "running" || state === "waiting";

export function UploadPanel({ queue }: { queue: UploadQueue }) {
  const items = useStore(queue.items);
  const doneBytes = useStore(queue.doneBytes);
  useCompletionNotice(queue, items.filter(isActive).length);
  useQuestionBeforeLeaving(items.some(isActive));
  if (items.length === 0) return null;

  const waiting = items.filter(({ state }) => state === "waiting");
  const unseen = new Set(waiting.slice(MOST_WAITING));
  const active = items.filter(isActive);
  const paused = items.filter(({ state }) => state === "paused");
  const total = items.reduce((sum, { size }) => sum + size, doneBytes);
  const sent = items.reduce((sum, { sentBytes }) => sum + sentBytes, doneBytes);
  return (
    <section className="card uploads" aria-labelledby="uploads-title">
      <header className="uploads-header">
        <h2 id="uploads-title">Uploads</h2>
        <span className="muted uploads-sum">
          {(items.length > 1 || doneBytes > 0) && `${formatBytes(sent)} of ${formatBytes(total)}`}
        </span>
        {active.length > 1 && (
          <button type="button" className="button small" onClick={() => each(active, (key) => queue.pause(key))}>
            Pause all
          </button>
        )}
        {paused.length > 1 && active.length <= 1 && (
          <button type="button" className="button small" onClick={() => each(paused, (key) => queue.resume(key))}>
            Resume all
          </button>
        )}
      </header>
      <ul>
        {items
          .filter((item) => !unseen.has(item))
          .map((item) => (
            <UploadRow key={item.key} item={item} queue={queue} />
          ))}
      </ul>
      {unseen.size > 0 && <p className="uploads-more muted">and {unseen.size.toLocaleString("en")} more waiting</p>}
    </section>
  );
}

function each(items: readonly UploadItem[], act: (key: string) => void): void {
  for (const { key } of items) act(key);
}

/** The browser asks whether to leave the page: files that were chosen without leave to read them again are lost then. */
function useQuestionBeforeLeaving(active: boolean): void {
  useEffect(() => {
    if (!active) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [active]);
}

/** One message when all that was under way is done, rather than one for each file. */
function useCompletionNotice(queue: UploadQueue, active: number): void {
  const { files, already, last } = useStore(queue.completed);
  const told = useRef({ files: 0, already: 0 });
  useEffect(() => {
    if (active > 0 || files === told.current.files) return;
    const timer = setTimeout(() => {
      const news = files - told.current.files;
      showToast(completionNotice(news, already - told.current.already, last));
      told.current = { files, already };
    }, NOTICE_DELAY_MS);
    return () => clearTimeout(timer);
  }, [active, files, already, last]);
}

function completionNotice(files: number, already: number, last: string): string {
  if (files === 1) return already === 1 ? `“${last}” was uploaded before.` : `“${last}” is uploaded.`;
  if (already === files) return `All ${count(files, "file")} were uploaded before.`;
  const before = already === 0 ? "" : ` ${already} of them ${already === 1 ? "was" : "were"} uploaded before.`;
  return `${count(files, "file")} are uploaded.${before}`;
}
