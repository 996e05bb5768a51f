import { useId, useRef } from "react";
import { formatBytes, formatTimeLeft } from "../ui/format.ts";
import { Icon } from "../ui/icon.tsx";
import { IconButton } from "../ui/icon-button.tsx";
import { filesOfInput, pickFiles } from "./picked-files.ts";
import type { UploadItem } from "./upload-item.ts";
import type { UploadQueue } from "./upload-queue.ts";

/** What a person wants to know of it at the moment. */
function statusOf(item: UploadItem): string {
  const { state, size, sentBytes, storedBytes, bytesPerSecond, secondsLeft, retrying } = item;
  const amount = `${formatBytes(sentBytes)} of ${formatBytes(size)}`;
  const stored = sentBytes > storedBytes && `${formatBytes(storedBytes)} stored`;
  switch (state) {
    case "waiting":
      return `${formatBytes(size)} · waiting for its turn`;
    case "paused":
      return `${amount} · paused`;
    case "needs-file":
      return sentBytes === 0
        ? `${formatBytes(size)} · choose the file again to continue`
        : `${amount} are stored · choose the file again to continue`;
    case "needs-permission":
      return `${amount} are stored · continue with a click`;
    case "elsewhere":
      return `${amount} are stored · begun by another program, which can continue it`;
    case "failed":
      return amount;
    case "running":
      if (retrying) return `${amount} · waiting for the server`;
      if (storedBytes === size) return `${amount} · finishing`;
      if (bytesPerSecond === 0) return `${amount} · starting`;
      return [
        amount,
        stored,
        `${formatBytes(bytesPerSecond)}/s`,
        secondsLeft !== undefined && formatTimeLeft(secondsLeft),
      ]
        .filter(Boolean)
        .join(" · ");
  }
}

export function UploadRow({ item, queue }: { item: UploadItem; queue: UploadQueue }) {
  const { key, filename, size, sentBytes, storedBytes, state, problem } = item;
  const input = useRef<HTMLInputElement>(null);
  const statusId = useId();
  const active = state === "running" || state === "waiting";
  const percentOf = (bytes: number) => (size === 0 ? 0 : (bytes / size) * 100);
  const percent = percentOf(sentBytes);

  async function chooseAgain() {
    const picking = pickFiles();
    if (picking === undefined) return input.current?.click();
    const [picked] = (await picking).files;
    if (picked !== undefined) queue.continueWith(key, picked);
  }

  return (
    <li className={`upload ${state}`}>
      <div className="upload-main">
        <span className="upload-name">{filename}</span>
        <div
          role="progressbar"
          aria-label={`Upload of ${filename}`}
          aria-describedby={statusId}
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={Math.floor(percent)}
          aria-valuetext={`${Math.floor(percent)}%, ${Math.floor(percentOf(storedBytes))}% stored`}
          className="bar"
        >
          <div style={{ width: `${percent}%` }} />
        </div>
        <span id={statusId} className="upload-status muted">
          <span>{statusOf(item)}</span>
          <span>{Math.floor(percent)}%</span>
        </span>
        <div role="alert">{problem !== undefined && <p className="upload-problem">{problem}</p>}</div>
      </div>
      <div className="upload-actions">
        {(active || state === "paused") && (
          <IconButton
            icon={active ? "pause" : "play"}
            label={`${active ? "Pause" : "Resume"} ${filename}`}
            title={active ? "Pause" : "Resume"}
            onClick={() => (active ? queue.pause(key) : queue.resume(key))}
          />
        )}
        {state === "failed" && (
          <button type="button" className="button small" onClick={() => queue.resume(key)}>
            Try again
          </button>
        )}
        {state === "needs-permission" && (
          <button type="button" className="button small" onClick={() => queue.askPermission(key)}>
            Continue
          </button>
        )}
        {state === "needs-file" && (
          <>
            <input
              ref={input}
              type="file"
              hidden
              onChange={(event) => {
                const [picked] = filesOfInput(event.currentTarget).files;
                if (picked !== undefined) queue.continueWith(key, picked);
                event.currentTarget.value = "";
              }}
            />
            <button type="button" className="button small" onClick={chooseAgain}>
              <Icon name="folder" size={18} /> Choose the file
            </button>
          </>
        )}
        <IconButton
          icon="close"
          className="danger"
          label={`Cancel the upload of ${filename}`}
          title="Cancel"
          onClick={(event) => {
            focusBeside(event.currentTarget);
            void queue.cancel(key);
          }}
        />
      </div>
    </li>
  );
}

/** The button goes with its row: the focus moves on to the next row's, or to where uploads begin. */
function focusBeside(button: HTMLElement): void {
  const row = button.closest("li");
  const next = row?.nextElementSibling ?? row?.previousElementSibling;
  const target = next?.querySelector<HTMLElement>(".upload-actions > button:last-child");
  (target ?? document.querySelector<HTMLElement>(".upload-buttons .primary"))?.focus();
}
