/** Ctrl-C reaches a child of npm twice, from the terminal and from npm: that is one signal. */
const ECHO_MS = 500;

/** Exit codes of programs that a signal ended: 128 and its number, as shells have it. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/** Calls `onFirst` at the first SIGINT or SIGTERM; a second one ends the process at once. */
export function onEndSignal(onFirst: (signal: keyof typeof EXIT_CODES, exitCode: number) => void): void {
  let firstAt: number | undefined;
  for (const [name, exitCode] of Object.entries(EXIT_CODES)) {
    const signal = name as keyof typeof EXIT_CODES;
    process.on(signal, () => {
      if (firstAt === undefined) {
        firstAt = performance.now();
        onFirst(signal, exitCode);
      } else if (performance.now() - firstAt > ECHO_MS) process.exit(exitCode);
    });
  }
}
