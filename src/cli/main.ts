#!/usr/bin/env node
import yargs, { type CommandModule } from "yargs";
import { hideBin } from "yargs/helpers";
import { unmarkPlain } from "../terminal/command-line.ts";
import { COMPLETION, readArguments, usageError } from "./arguments.ts";
import { loginCommand, logoutCommand, passwdCommand, whoamiCommand } from "./commands/account.ts";
import { downloadCommand } from "./commands/download.ts";
import { linkCommand, lsCommand, mvCommand, rmCommand } from "./commands/files.ts";
import { keysCommand } from "./commands/keys.ts";
import { uploadCommand } from "./commands/upload.ts";
import { uploadsCommand } from "./commands/uploads.ts";
import { exitCodeOf, explain, Interruption } from "./exit-codes.ts";

function fail(error: unknown): void {
  process.exitCode = exitCodeOf(error);
  if (error instanceof Interruption) return;
  const { code } = error as { code?: string };
  const message = explain(error);
  const json = process.argv.includes("--json");
  process.stderr.write(json ? `${JSON.stringify({ error: { code, message } })}\n` : `stowage: ${message}\n`);
}

// Whoever reads what is printed, such as `head`, may have enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

const commands = [
  loginCommand,
  logoutCommand,
  whoamiCommand,
  uploadCommand,
  uploadsCommand,
  downloadCommand,
  lsCommand,
  mvCommand,
  rmCommand,
  linkCommand,
  keysCommand,
  passwdCommand,
] as unknown as CommandModule<never, never>[];
const args = readArguments(hideBin(process.argv));

const parser = yargs(args)
  .scriptName("stowage")
  .option("url", { type: "string", describe: "The server; STOWAGE_URL or the last login's when left out" })
  .option("json", { type: "boolean", default: false, describe: "Print results as JSON, one a line" })
  .command(commands as never)
  .middleware(unmarkPlain as never, true)
  .completion("completion", "Print a script for the shell's completion, for ~/.bashrc or ~/.zshrc")
  .demandCommand(1, "Say what to do: 'stowage --help' lists the commands.")
  .strictCommands()
  .strict()
  .wrap(Math.min(120, process.stdout.columns ?? 100))
  .epilog(
    "STOWAGE_TOKEN signs scripts in. Exit codes: 0 done, 1 failed, 2 wrong command line, 3 sign in, 4 try later, 130 interrupted.",
  )
  .exitProcess(false)
  .fail((message, error) => {
    throw error ?? usageError(message, commands, args);
  });

try {
  await parser.parseAsync();
} catch (error) {
  fail(error);
}
// What is left running keeps nothing alive; what was printed has to arrive. A completion is printed later.
if (!args.includes(COMPLETION)) process.stdout.write("", () => process.stderr.write("", () => process.exit()));
