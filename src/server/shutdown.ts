import type { ServerLog } from "../setup/logging.ts";
import { onEndSignal } from "../terminal/end-signals.ts";

/** The first SIGINT or SIGTERM closes and exits with 0; a second one exits at once, with 130 or 143. */
export function closeOnSignals(close: () => Promise<void>, { log, flush }: ServerLog): void {
  onEndSignal((signal) => {
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
  });
}
