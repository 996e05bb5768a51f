import { type DestinationStream, pino } from "pino";
import pretty from "pino-pretty";
import { compose, describe } from "./compose.ts";
import { ConfigError, readConfig } from "./config.ts";
import { closeOnSignals } from "./shutdown.ts";

try {
  const config = readConfig(process.env);
  const destination: DestinationStream = process.stderr.isTTY
    ? pretty({ destination: 2, sync: true })
    : pino.destination({ dest: 2, sync: true });
  const log = pino({ level: config.logLevel }, destination);
  const service = await compose(config, log);
  const address = await service.app.listen({ host: config.host, port: config.port });
  closeOnSignals(service, log);
  console.log(describe(config, address));
} catch (error) {
  console.error(error instanceof ConfigError ? error.message : error);
  process.exitCode = 1;
}
