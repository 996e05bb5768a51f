import type { CommandModule } from "yargs";
import { UsageError } from "./exit-codes.ts";
import { nameStdin } from "./upload-sources.ts";

/** What a shell asks for completions by. */
export const COMPLETION = "--get-yargs-completions";
/** No argument of a process can begin with it. */
const PLAIN = "\0";

/** Arguments for yargs, which would take those after `--` for options all the same. */
export function markPlain(args: readonly string[]): string[] {
  // Everything in a line that is to be completed may yet become something else.
  if (args.includes(COMPLETION)) return [...args];
  const end = args.indexOf("--");
  const named = nameStdin(end === -1 ? args : args.slice(0, end));
  if (end === -1) return named;
  const plain = nameStdin([args[0] ?? "", ...args.slice(end + 1)]).slice(1);
  return [...named, ...plain.map((arg) => PLAIN + arg)];
}

/** Takes the marks off again, once yargs has told options from the others. */
export function unmarkPlain(argv: Record<string, unknown>): void {
  const unmark = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(unmark);
    return typeof value === "string" && value.startsWith(PLAIN) ? value.slice(PLAIN.length) : value;
  };
  for (const [name, value] of Object.entries(argv)) argv[name] = unmark(value);
}

/** What is wrong with the command line, in a person's words instead of yargs's. */
export function usageError(
  message: string,
  commands: readonly CommandModule<never, never>[],
  args: readonly string[],
): UsageError {
  const usages = commands.map(({ command }) => String(command));
  const usage = usages.find((one) => args.some((arg) => one.split(" ", 1)[0] === arg));
  const isAboutOperands = /^(Not enough non-option|Unknown command|Unknown argument)/.test(message);
  if (usage === undefined || !isAboutOperands) return new UsageError(message);
  const [, extra] = /^Unknown (?:commands?|arguments?): (.*)$/.exec(message.replaceAll(PLAIN, "")) ?? [];
  const why = extra === undefined ? "Something is missing" : `There is no place for ${extra}`;
  return new UsageError(`${why}: it is 'stowage ${usage}'. 'stowage ${usage.split(" ", 1)[0]} --help' tells more.`);
}
