/** No argument of a process can begin with it. */
const PLAIN = "\0";

/** Marks the arguments after `--`, which yargs would take for options all the same. */
export function markPlain(args: readonly string[]): string[] {
  const end = args.indexOf("--");
  return end === -1 ? [...args] : [...args.slice(0, end), ...args.slice(end + 1).map((arg) => PLAIN + arg)];
}

/** Takes the marks off again, once yargs has told options from the others. */
export function unmarkPlain(argv: Record<string, unknown>): void {
  const unmark = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(unmark);
    return typeof value === "string" && value.startsWith(PLAIN) ? value.slice(PLAIN.length) : value;
  };
  for (const [name, value] of Object.entries(argv)) argv[name] = unmark(value);
}

/**
 * Says what is wrong with a command line, in a person's words instead of yargs's.
 * @param usages of the program's commands, such as `drain <node>`
 */
export function explainUsage(
  message: string,
  { program, usages, args }: { program: string; usages: readonly string[]; args: readonly string[] },
): string {
  const usage = usages.find((one) => args.some((arg) => one.split(" ", 1)[0] === arg));
  const isAboutArguments = /^(Not enough non-option|Unknown command|Unknown argument)/.test(message);
  if (usage === undefined || !isAboutArguments) return message;
  const [, extra] = /^Unknown (?:commands?|arguments?): (.*)$/.exec(message.replaceAll(PLAIN, "")) ?? [];
  const options = (extra?.split(", ") ?? []).flatMap((name) => args.find((arg) => isOption(arg, name)) ?? []);
  const problems = [
    ...(extra === undefined ? ["Something is missing"] : []),
    ...(options.length > 0 ? [`There is no option ${[...new Set(options)].join(", ")}`] : []),
    ...(extra !== undefined && options.length === 0 ? [`There is no place for ${extra}`] : []),
  ];
  return `${problems.join(", ")}: it is '${program} ${usage}'. '${program} ${usage.split(" ", 1)[0]} --help' tells more.`;
}

/** Whether the argument is the option, or several letters of which it is one. */
function isOption(arg: string, name: string): boolean {
  return arg.split("=", 1)[0] === `--${name}` || (name.length === 1 && /^-[^-]/.test(arg) && arg.includes(name));
}
