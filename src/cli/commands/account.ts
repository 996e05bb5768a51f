import { text } from "node:stream/consumers";
import { read } from "read";
import type { CommandModule } from "yargs";
import { StowageError } from "../../client/node.ts";
import { formatBytes } from "../../terminal/format.ts";
import { readCredentials, writeCredentials } from "../credentials.ts";
import { SignInError, UsageError } from "../exit-codes.ts";
import { print, printJson } from "../output.ts";
import { chooseUrl, clientAt, type GlobalArguments, openClient } from "../session.ts";

interface LoginArguments extends GlobalArguments {
  username: string | undefined;
  passwordStdin: boolean;
}

/** @throws UsageError where nobody is there to answer */
async function ask(prompt: string, instead: string, silent = false): Promise<string> {
  if (!process.stdin.isTTY) throw new UsageError(`There is no terminal to ask at: ${instead}`);
  return read({ prompt, silent, output: process.stderr as never });
}

export const loginCommand: CommandModule<GlobalArguments, LoginArguments> = {
  command: "login",
  describe: "Sign in to a server and remember it",
  builder: (yargs) =>
    yargs
      .option("username", { alias: "u", type: "string", describe: "A username or an email address" })
      .option("password-stdin", {
        type: "boolean",
        default: false,
        describe: "Read the password from standard input",
      }) as never,
  handler: async (args) => {
    const url = await chooseUrl(args);
    const login = args.username ?? (await ask("Username or email: ", "give --username."));
    const password = args.passwordStdin
      ? (await text(process.stdin)).replace(/\r?\n$/, "")
      : await ask("Password: ", "give --password-stdin.", true);
    const { token, user, expiresAt } = await clientAt(url)
      .login({ login, password })
      .catch((error: unknown) => {
        const isRefused = error instanceof StowageError && error.code === "UNAUTHENTICATED";
        throw isRefused ? new SignInError(error.message) : error;
      });
    const credentials = await readCredentials();
    credentials.current = url;
    credentials.servers[url] = { token, username: user.username };
    await writeCredentials(credentials);
    if (args.json) printJson({ url, user, expiresAt });
    else print(`Signed in to ${url} as ${user.username}.`);
  },
};

export const logoutCommand: CommandModule<GlobalArguments, GlobalArguments> = {
  command: "logout",
  describe: "Sign out of the server and forget its token",
  handler: async (args) => {
    const url = await chooseUrl(args);
    const credentials = await readCredentials();
    const known = credentials.servers[url];
    if (known !== undefined) {
      try {
        await clientAt(url, known.token).logout();
      } catch (error) {
        // It opens nothing any more, which was what was wanted.
        if (!(error instanceof StowageError && error.code === "UNAUTHENTICATED")) throw error;
      }
      delete credentials.servers[url];
      await writeCredentials(credentials);
    }
    if (args.json) printJson({ url });
    else print(`Signed out of ${url}.`);
  },
};

export const whoamiCommand: CommandModule<GlobalArguments, GlobalArguments> = {
  command: "whoami",
  describe: "Tell who is signed in where, and how much is stored",
  handler: async (args) => {
    const client = await openClient(args);
    const user = await client.me();
    if (user === null) throw new StowageError("UNAUTHENTICATED", "Nobody is signed in.");
    const url = await chooseUrl(args);
    if (args.json) return printJson({ url, user });
    const { usedBytes, reservedBytes, quotaBytes } = user.storage;
    const quota = quotaBytes === null ? "" : ` of ${formatBytes(quotaBytes)}`;
    print(`${user.username} at ${url}`);
    print(`${formatBytes(usedBytes)}${quota} stored, ${formatBytes(reservedBytes)} more by uploads under way`);
  },
};

interface PasswordArguments extends GlobalArguments {
  keepOthers: boolean;
  passwordStdin: boolean;
}

export const passwdCommand: CommandModule<GlobalArguments, PasswordArguments> = {
  command: "passwd",
  describe: "Change the password, which ends all other sessions and all API keys",
  builder: (yargs) =>
    yargs
      .option("keep-others", { type: "boolean", default: false, describe: "Leave other sessions and the keys" })
      .option("password-stdin", {
        type: "boolean",
        default: false,
        describe: "Read two lines from standard input: the password, and the new one",
      }) as never,
  handler: async (args) => {
    const client = await openClient(args);
    const [currentPassword, newPassword] = args.passwordStdin ? await twoLines() : await askForNew();
    await client.changePassword({ currentPassword, newPassword, keepOthers: args.keepOthers });
    if (args.json) printJson({ changed: true });
    else print(args.keepOthers ? "The password is changed." : "The password is changed, and all else is signed out.");
  },
};

async function twoLines(): Promise<[string, string]> {
  const [current, changed, ...more] = (await text(process.stdin)).replace(/\r?\n$/, "").split(/\r?\n/);
  if (current !== undefined && changed !== undefined && more.length === 0) return [current, changed];
  throw new UsageError("--password-stdin accepts two lines: the password, and the new one.");
}

async function askForNew(): Promise<[string, string]> {
  const current = await ask("Password: ", "give --password-stdin.", true);
  const changed = await ask("New password: ", "give --password-stdin.", true);
  const again = await ask("New password again: ", "give --password-stdin.", true);
  if (changed !== again) throw new UsageError("The two differ: nothing was changed.");
  return [current, changed];
}
