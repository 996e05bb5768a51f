import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compose } from "../../src/compose.ts";
import { readConfig } from "../../src/config.ts";
import { createLogger } from "../../src/logging.ts";
import { type Dialect, newDatabaseUrl } from "./databases.ts";

export interface TestService {
  /** `http://127.0.0.1:<port>` */
  url: string;
  /** Holds node1/, node2/ and the embedded database; goes with the service. */
  folder: string;
  databaseUrl: string;
  /** What was logged, a parsed line each. */
  log: Record<string, unknown>[];
  stop(): Promise<void>;
}

/** Runs the service in this process, on a random port and in a temporary folder. */
export async function startService(dialect: Dialect, settings: Record<string, string> = {}): Promise<TestService> {
  const folder = await mkdtemp(join(tmpdir(), "stowage-test-"));
  const log: Record<string, unknown>[] = [];
  const config = readConfig({
    DATABASE_URL: newDatabaseUrl(dialect, folder),
    STORAGE_NODES: `node1=file:${join(folder, "node1")},node2=file:${join(folder, "node2")}`,
    PORT: "0",
    ...settings,
  });
  const service = await compose(config, createLogger("debug", { write: (line) => void log.push(JSON.parse(line)) }));
  const url = await service.app.listen({ host: "127.0.0.1", port: 0 });
  return {
    url,
    folder,
    databaseUrl: config.databaseUrl,
    log,
    async stop() {
      await service.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
