import { Store } from "../ui/store.ts";

export type ConnectionState = "up" | "lost" | "back";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 4_000;
const BACK_SHOWN_MS = 3_000;

export const connection = new Store<ConnectionState>("up");
let backTimer: ReturnType<typeof setTimeout> | undefined;

/** A request arrived. */
export function connectionWorks(): void {
  if (connection.get() !== "lost") return;
  connection.set("back");
  backTimer = setTimeout(() => connection.set("up"), BACK_SHOWN_MS);
}

/** A request got no answer: from now on the server is asked until it answers. */
export function connectionFailed(): void {
  if (connection.get() === "lost") return;
  clearTimeout(backTimer);
  connection.set("lost");
  void probe(FIRST_DELAY_MS);
}

async function probe(delayMs: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, delayMs);
    window.addEventListener("online", resolve, { once: true });
  });
  if (connection.get() !== "lost") return;
  const answered = await fetch("health/live", { cache: "no-store" }).then(
    ({ ok }) => ok,
    () => false,
  );
  if (answered) connectionWorks();
  else void probe(Math.min(delayMs * 1.5, LONGEST_DELAY_MS));
}

window.addEventListener("offline", connectionFailed);
