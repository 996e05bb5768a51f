import "./toasts.css";
import { useEffect, useState } from "react";
import { IconButton } from "./icon-button.tsx";
import { Store, useStore } from "./store.ts";

interface Action {
  label: string;
  run: () => void;
  /** Ctrl+Z does it as well: a message may be far away for those who go by the keyboard. */
  isUndo?: boolean;
}

interface Toast {
  id: number;
  text: string;
  problem: boolean;
  action?: Action;
  /** Called when it went without its action. */
  onGone?: () => void;
}

const SHOWN_MS = 8_000;
const toasts = new Store<readonly Toast[]>([]);
let lastId = 0;

export function showToast(text: string, options: Partial<Omit<Toast, "id" | "text">> = {}): void {
  toasts.set([...toasts.get(), { id: ++lastId, text, problem: false, ...options }]);
}

/** Removes the messages of somebody who has left: nothing that they offer can be done any more. */
export function clearToasts(): void {
  toasts.set([]);
}

function drop(toast: Toast): boolean {
  const rest = toasts.get().filter(({ id }) => id !== toast.id);
  if (rest.length === toasts.get().length) return false;
  toasts.set(rest);
  return true;
}

function dismiss(toast: Toast): void {
  if (drop(toast)) toast.onGone?.();
}

function act(toast: Toast): void {
  if (drop(toast)) toast.action?.run();
}

function undoByKey(event: KeyboardEvent): void {
  const { key, ctrlKey, metaKey, shiftKey, altKey, target } = event;
  if (key.toLowerCase() !== "z" || !(ctrlKey || metaKey) || shiftKey || altKey) return;
  // There, it takes back what was typed.
  if (target instanceof Element && target.matches("input, textarea")) return;
  const last = toasts.get().findLast(({ action }) => action?.isUndo);
  if (last === undefined) return;
  event.preventDefault();
  act(last);
}

/** Messages that go by themselves, but not while somebody points at one of them or has the focus there. */
export function Toasts() {
  const shown = useStore(toasts);
  const [held, setHeld] = useState(false);
  useEffect(() => {
    window.addEventListener("keydown", undoByKey);
    return () => window.removeEventListener("keydown", undoByKey);
  }, []);
  return (
    <section
      className="toasts"
      aria-label="Notifications"
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <div role="status">
        {shown.map((toast) => (
          <ToastRow key={toast.id} toast={toast} held={held} />
        ))}
      </div>
    </section>
  );
}

function ToastRow({ toast, held }: { toast: Toast; held: boolean }) {
  useEffect(() => {
    if (held) return;
    const timer = setTimeout(() => dismiss(toast), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [toast, held]);
  const { action } = toast;
  return (
    <div className={toast.problem ? "toast problem-toast" : "toast"}>
      <span className="toast-text">{toast.text}</span>
      {action !== undefined && (
        <button
          type="button"
          className="toast-action"
          {...(action.isUndo && { title: "Ctrl+Z", "aria-keyshortcuts": "Control+Z Meta+Z" })}
          onClick={() => act(toast)}
        >
          {action.label}
        </button>
      )}
      <IconButton icon="close" label="Dismiss" onClick={() => dismiss(toast)} />
    </div>
  );
}
