import type { ServerLog } from "../setup/logging.ts";

/** Ctrl-C reaches a child of npm twice, from the terminal and from npm: that is one signal. */
const ECHO_MS = 500;

/** The first SIGINT or SIGTERM closes and exits with 0; a second one exits at once, with 130. */
export function closeOnSignals(close: () => Promise<void>, { log, flush }: ServerLog): void {
  let firstAt: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (firstAt !== undefined) {
      if (performance.now() - firstAt > ECHO_MS) process.exit(130);
      return;
    }
    firstAt = performance.now();
    log.info({ signal }, "finishing what is in flight; a second signal exits at once");
    close()
      .then(
        () => 0,
        (err) => {
          log.fatal({ err }, "the service could not be closed properly");
          return 1;
        },
      )
      .then(async (code) => {
        await flush();
        process.exit(code);
      });
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
}
