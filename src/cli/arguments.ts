import type { CommandModule } from "yargs";
import { explainUsage, markPlain } from "../terminal/command-line.ts";
import { UsageError } from "./exit-codes.ts";
import { nameStdin } from "./upload-sources.ts";

/** What a shell asks for completions by. */
export const COMPLETION = "--get-yargs-completions";

/** Makes arguments for yargs, which would take those after `--` for options, and `-` for none. */
export function readArguments(args: readonly string[]): string[] {
  // Everything in a line that is to be completed may yet become something else.
  if (args.includes(COMPLETION)) return [...args];
  const end = args.indexOf("--");
  if (end === -1) return nameStdin(args);
  const plain = nameStdin([args[0] ?? "", ...args.slice(end + 1)]).slice(1);
  return markPlain([...nameStdin(args.slice(0, end)), "--", ...plain]);
}

export function usageError(
  message: string,
  commands: readonly CommandModule<never, never>[],
  args: readonly string[],
): UsageError {
  const usages = commands.map(({ command }) => String(command));
  return new UsageError(explainUsage(message, { program: "stowage", usages, args }));
}
