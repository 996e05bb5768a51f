/** Ctrl-C reaches a child of npm twice, from the terminal and from npm: that is one signal. */
const ECHO_MS = 500;

/** Calls `onFirst` at the first SIGINT or SIGTERM; a second one ends the process at once, with 130. */
export function onEndSignal(onFirst: (signal: NodeJS.Signals) => void): void {
  let firstAt: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (firstAt === undefined) {
      firstAt = performance.now();
      onFirst(signal);
    } else if (performance.now() - firstAt > ECHO_MS) process.exit(130);
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
}
