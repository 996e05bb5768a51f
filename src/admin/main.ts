#!/usr/bin/env node
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { ApiError } from "../errors.ts";
import { type Config, readConfig } from "../setup/config.ts";
import { ConfigError } from "../setup/config-error.ts";
import { JobRunner } from "../setup/job-runner.ts";
import { createLogger } from "../setup/logging.ts";
import { nodeJobs, setUpStorage } from "../setup/storage-setup.ts";
import { onEndSignal } from "../terminal/end-signals.ts";
import { AdminError, Interrupted } from "./admin-error.ts";
import { type CommandLine, parseCommand } from "./commands.ts";
import { Terminal } from "./output.ts";

/** An empty database made here, by a command run in the wrong folder, would look like one that lost everything. */
function checkDatabase({ databaseUrl }: Config): void {
  if (!databaseUrl.startsWith("sqlite:")) return;
  const path = resolve(databaseUrl.slice("sqlite:".length));
  if (existsSync(path)) return;
  throw new AdminError(
    `There is no database at ${path}: run this with the server's settings, in the server's folder.`,
    2,
  );
}

/** @returns a signal that aborts at the first SIGINT or SIGTERM; the second ends the process at once */
function interruption(): AbortSignal {
  const controller = new AbortController();
  onEndSignal(() => controller.abort(new Interrupted()));
  return controller.signal;
}

async function run({ command, logLevel }: CommandLine): Promise<void> {
  const config = readConfig(process.env);
  checkDatabase(config);
  const signal = interruption();
  const log = createLogger(logLevel);
  for (const line of config.misspelled) log.warn(line);
  const setup = await setUpStorage(config, log);
  const jobs = new JobRunner(nodeJobs(setup), log);
  jobs.start();
  try {
    await command({ ...setup, config, terminal: new Terminal(), signal });
  } catch (error) {
    // Whatever an aborted work throws: this is why.
    throw signal.aborted ? signal.reason : error;
  } finally {
    await jobs.stop();
    await setup.close();
  }
}

function explain(error: unknown): { message: unknown; exitCode: number } {
  if (error instanceof Interrupted) {
    return { message: `${error.message} The same command carries on.`, exitCode: error.exitCode };
  }
  if (error instanceof AdminError) return { message: error.message, exitCode: error.exitCode };
  if (error instanceof ConfigError) return { message: error.message, exitCode: 2 };
  if (error instanceof ApiError) {
    const cause = error.cause instanceof Error ? ` (${error.cause.message})` : "";
    return { message: `${error.message}${cause}`, exitCode: error.code === "BAD_USER_INPUT" ? 2 : 1 };
  }
  return { message: error, exitCode: 1 };
}

// What is stored is for the service's own user alone.
process.umask(0o077);

try {
  const commandLine = await parseCommand(process.argv.slice(2));
  if (commandLine !== null) await run(commandLine);
  // Connections to S3 stores would keep the process for a while.
  process.exit(0);
} catch (error) {
  const { message, exitCode } = explain(error);
  console.error(message);
  process.exit(exitCode);
}
