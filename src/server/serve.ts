import type { Config } from "../setup/config.ts";
import type { ServerLog } from "../setup/logging.ts";
import { banner } from "./banner.ts";
import { compose } from "./compose.ts";
import { closeOnSignals } from "./shutdown.ts";

/** Runs the service in this process until a signal ends it. @returns what to tell the person who started it */
export async function serve(config: Config, serverLog: ServerLog): Promise<string> {
  const composing = compose(config, serverLog.log);
  // Before anything listens: from then on, requests are in flight.
  closeOnSignals(async () => (await composing).close(), serverLog);
  const service = await composing;
  try {
    const address = await service.listen();
    return banner(config, address, service.nodes);
  } catch (error) {
    await service.close();
    throw error;
  }
}
