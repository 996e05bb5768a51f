import "./dialog.css";
import { type ReactNode, useEffect, useId, useRef } from "react";
import { closeOnBack } from "./back-button.ts";
import { IconButton } from "./icon-button.tsx";

interface Props {
  title: string;
  /** Called when it has closed, by whatever means; the browser has given the focus back by then. */
  onClosed: () => void;
  wide?: boolean;
  /** @param close closes it */
  children: (close: () => void) => ReactNode;
}

/** A modal dialog, open as long as it is mounted. */
export function Dialog({ title, onClosed, wide = false, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  const close = () => dialog.current?.close();

  useEffect(() => {
    if (dialog.current?.open === false) dialog.current.showModal();
    return closeOnBack(() => dialog.current?.close());
  }, []);

  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a dialog already; this is for the backdrop
    <dialog
      ref={dialog}
      className={wide ? "dialog wide" : "dialog"}
      aria-labelledby={titleId}
      onClose={onClosed}
      onClick={(event) => {
        if (event.target === event.currentTarget) close();
      }}
    >
      <div className="dialog-body">
        <header className="dialog-header">
          <h2 id={titleId}>{title}</h2>
          <IconButton icon="close" label="Close" onClick={close} />
        </header>
        {children(close)}
      </div>
    </dialog>
  );
}
