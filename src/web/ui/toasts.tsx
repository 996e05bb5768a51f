import "./toasts.css";
import { useEffect, useState } from "react";
import { IconButton } from "./icon-button.tsx";
import { Store, useStore } from "./store.ts";

interface Toast {
  id: number;
  text: string;
  problem: boolean;
  action?: { label: string; run: () => void };
  /** Called when it went without its action. */
  onGone?: () => void;
}

const SHOWN_MS = 8_000;
const toasts = new Store<readonly Toast[]>([]);
let lastId = 0;

/** @returns what takes it away, as if its time were over */
export function showToast(text: string, options: Partial<Omit<Toast, "id" | "text">> = {}): () => void {
  const toast: Toast = { id: ++lastId, text, problem: false, ...options };
  toasts.set([...toasts.get(), toast]);
  return () => dismiss(toast);
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

/** Messages that go by themselves, but not while somebody points at one of them or has the focus there. */
export function Toasts() {
  const shown = useStore(toasts);
  const [held, setHeld] = useState(false);
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
          onClick={() => {
            if (drop(toast)) action.run();
          }}
        >
          {action.label}
        </button>
      )}
      <IconButton icon="close" label="Dismiss" onClick={() => dismiss(toast)} />
    </div>
  );
}
