import cluster from "node:cluster";
import { ApiError } from "./errors.ts";
import { serve } from "./server/serve.ts";
import { reportReady, runWorkers, WorkerError } from "./server/workers.ts";
import { readConfig } from "./setup/config.ts";
import { ConfigError } from "./setup/config-error.ts";
import { createServerLog } from "./setup/logging.ts";

/** Tells in one line what the person who starts the service can put right, and gives the whole error where only we can. */
function explain(error: unknown): unknown {
  if (error instanceof ConfigError || error instanceof WorkerError) return error.message;
  if (error instanceof ApiError) {
    const cause = error.cause instanceof Error ? ` (${error.cause.message})` : "";
    return `Stowage can't start: ${error.message}${cause}`;
  }
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  return code !== undefined && syscall !== undefined ? `Stowage can't start: ${message}` : error;
}

// Nobody may read what is printed: that stops nothing.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

// What is stored is for the service's own user alone.
process.umask(0o077);

try {
  const config = readConfig(process.env);
  const serverLog = createServerLog(config.logLevel);
  if (cluster.isPrimary) for (const line of config.misspelled) serverLog.log.warn(line);
  if (cluster.isWorker) reportReady(await serve(config, serverLog));
  else console.log(config.workers > 1 ? await runWorkers(config.workers, serverLog) : await serve(config, serverLog));
} catch (error) {
  console.error(explain(error));
  process.exit(1);
}
