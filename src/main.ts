import { compose, describe } from "./compose.ts";
import { ConfigError, readConfig } from "./config.ts";
import { createLogger } from "./logging.ts";
import { closeOnSignals } from "./shutdown.ts";

try {
  const config = readConfig(process.env);
  const log = createLogger(config.logLevel);
  const service = await compose(config, log);
  const address = await service.app.listen({ host: config.host, port: config.port });
  closeOnSignals(service, log);
  console.log(describe(config, address));
} catch (error) {
  console.error(error instanceof ConfigError ? error.message : error);
  process.exitCode = 1;
}
