import yargs from "yargs";
import { SCOPES } from "../access/principal.ts";
import { explainUsage, markPlain, unmarkPlain } from "../terminal/command-line.ts";
import { AdminError } from "./admin-error.ts";
import type { CommandContext } from "./command-context.ts";
import { drain, undrain } from "./drain-command.ts";
import { rebalance, replace, scrub, sweep } from "./node-commands.ts";
import { showStatus } from "./status-command.ts";
import { changeRole, listUsers, makeKey, quota, setDisabled } from "./user-commands.ts";

const EPILOGUE = `Settings come from the environment, as the server's: DATABASE_URL, STORAGE_NODES, REPLICAS and so on must be the same.
It runs beside running servers, or without any.

Exit codes: 0 done; 1 it could not be done, or not all of it; 2 asked for wrongly, nothing was done; 130 Ctrl-C.`;

const usages = {
  status: "status",
  drain: "drain <node>",
  rebalance: "rebalance",
  scrub: "scrub [node]",
  sweep: "sweep <node>",
  replace: "replace <node>",
  promote: "promote <user>",
  demote: "demote <user>",
  quota: "quota <user> [bytes]",
  key: "key <user>",
  users: "users [search]",
  disable: "disable <user>",
} as const;

/** One act of an administrator. */
export type Command = (context: CommandContext) => Promise<void>;

export interface CommandLine {
  command: Command;
  /** The command tells itself what matters; the log is for those who look for the cause of a failure. */
  logLevel: string;
}

/**
 * @returns null when there is nothing to do any more, as after --help
 * @throws AdminError with exit code 2 for arguments that mean nothing
 */
export async function parseCommand(args: readonly string[]): Promise<CommandLine | null> {
  let command: Command | null = null;
  const node = { type: "string", demandOption: true, describe: "a name in STORAGE_NODES" } as const;
  const user = { type: "string", demandOption: true, describe: "a username or an email address" } as const;
  const marked = markPlain(args);
  const { logLevel } = await yargs(marked)
    .scriptName("stowage-admin")
    .locale("en")
    .usage("$0 COMMAND: what the operator of a Stowage does")
    .command(
      usages.status,
      "nodes, chunks with too few copies, repairs, scrubs, and what is at work",
      (y) => y.option("json", { type: "boolean", default: false, describe: "for programs" }),
      ({ json }) => {
        command = (context) => showStatus(context, { json });
      },
    )
    .command(
      usages.drain,
      "move everything off a node, which may be dead, so that it can be taken away",
      (y) => y.positional("node", node).option("undo", { type: "boolean", default: false, describe: "use it again" }),
      ({ node, undo }) => {
        command = (context) => (undo ? undrain(context, node) : drain(context, node));
      },
    )
    .command(usages.rebalance, "move chunks until all nodes are equally full", {}, () => {
      command = rebalance;
    })
    .command(
      usages.scrub,
      "read and verify every chunk on one node, or on all",
      (y) => y.positional("node", { type: "string", describe: "all, if left out" }),
      ({ node }) => {
        command = (context) => scrub(context, node);
      },
    )
    .command(
      usages.sweep,
      "remove the blobs, older than a day, that the database doesn't know",
      (y) =>
        y.positional("node", node).option("force", {
          type: "boolean",
          default: false,
          describe: "also where they are most of what the node has",
        }),
      ({ node, force }) => {
        command = (context) => sweep(context, node, force);
      },
    )
    .command(
      usages.replace,
      "a dead disk was replaced by an empty one: let that be the node",
      (y) => y.positional("node", node),
      ({ node }) => {
        command = (context) => replace(context, node);
      },
    )
    .command(
      usages.promote,
      "make an administrator",
      (y) => y.positional("user", user),
      ({ user }) => {
        command = (context) => changeRole(context, user, "ADMIN");
      },
    )
    .command(
      usages.demote,
      "make an administrator a plain user again",
      (y) => y.positional("user", user),
      ({ user }) => {
        command = (context) => changeRole(context, user, "USER");
      },
    )
    .command(
      usages.quota,
      "show what a user may store, or set it",
      (y) =>
        y
          .positional("user", user)
          .positional("bytes", { type: "string", describe: "such as 500MiB, or none, or default; shown if left out" }),
      ({ user, bytes }) => {
        command = (context) => quota(context, user, bytes);
      },
    )
    .command(
      usages.users,
      "list users with what they store",
      (y) =>
        y.positional("search", { type: "string", describe: "a part of their names or addresses; all, if left out" }),
      ({ search }) => {
        command = (context) => listUsers(context, search);
      },
    )
    .command(
      usages.disable,
      "keep a user out at once, with all tokens, keys and links",
      (y) =>
        y.positional("user", user).option("undo", { type: "boolean", default: false, describe: "let them in again" }),
      ({ user, undo }) => {
        command = (context) => setDisabled(context, user, !undo);
      },
    )
    .command(
      usages.key,
      "make an API key for a user, and print it: it is shown this once",
      (y) =>
        y
          .positional("user", user)
          .option("name", { type: "string", default: "made by stowage-admin", describe: "by which its owner knows it" })
          .option("scopes", {
            type: "string",
            array: true,
            nargs: 1,
            choices: SCOPES,
            default: ["FILES_READ", "FILES_WRITE"] as const,
            describe: "what it may be used for",
          })
          .option("expires", { type: "string", describe: "how long it works, such as 90d; for good, if left out" }),
      ({ user, name, scopes, expires }) => {
        command = (context) => makeKey(context, user, { name, scopes, expires });
      },
    )
    .option("log-level", {
      choices: ["silent", "error", "warn", "info", "debug"],
      default: "silent",
      describe: "log to standard error",
    })
    .middleware(unmarkPlain as never, true)
    .demandCommand(1, 1, "Say what to do; --help lists the commands.")
    .strict()
    .version(false)
    .epilogue(EPILOGUE)
    .wrap(Math.min(100, process.stdout.columns ?? 100))
    .exitProcess(false)
    .fail((message, error) => {
      const why = explainUsage(message, { program: "stowage-admin", usages: Object.values(usages), args: marked });
      throw error ?? new AdminError(`${why}\nSee stowage-admin --help.`, 2);
    })
    .parseAsync();
  return command && { command, logLevel };
}
