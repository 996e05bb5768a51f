import type { CommandModule } from "yargs";
import type { Scope } from "../../client/node.ts";
import { parseSeconds } from "../duration.ts";
import { forEach } from "../for-each.ts";
import { print, printJson, printTable, time } from "../output.ts";
import { type GlobalArguments, openClient } from "../session.ts";

const SCOPES = ["FILES_READ", "FILES_WRITE", "ADMIN"] as const satisfies readonly Scope[];

interface KeysArguments extends GlobalArguments {
  create: string | undefined;
  scopes: Scope[];
  expires: string | undefined;
  revoke: string[] | undefined;
}

export const keysCommand: CommandModule<GlobalArguments, KeysArguments> = {
  command: "keys",
  describe: "List API keys for programs, make one, or take some away",
  builder: (yargs) =>
    yargs
      .option("create", { type: "string", describe: "Make a key of this name, and print it: it is shown this once" })
      .option("scopes", {
        type: "string",
        array: true,
        nargs: 1,
        choices: SCOPES,
        default: ["FILES_READ", "FILES_WRITE"],
        describe: "What the new key may be used for",
      })
      .option("expires", { type: "string", describe: "How long the new key works, such as 90d; without it, for good" })
      .option("revoke", { type: "string", array: true, requiresArg: true, describe: "Take the keys of these ids away" })
      .conflicts("create", "revoke") as never,
  handler: async ({ create: name, scopes, expires, revoke, ...args }) => {
    const expiresInSeconds = expires === undefined ? null : parseSeconds("--expires", expires, "3650d", "ten years");
    const client = await openClient(args);
    if (revoke !== undefined) {
      return forEach(revoke, args.json, async (id) => {
        await client.revokeApiKey(id);
        if (args.json) printJson({ revoked: id });
        else print(`Revoked ${id}.`);
      });
    }
    if (name !== undefined) {
      const created = await client.createApiKey({ name, scopes, expiresInSeconds });
      if (args.json) printJson(created);
      else print(created.token);
      return;
    }
    const keys = await client.apiKeys();
    if (args.json) return keys.forEach(printJson);
    printTable(
      keys.map((key) => [
        key.id,
        key.scopes.join(" "),
        key.expiresAt === null ? "no end" : `expires ${time(key.expiresAt)}`,
        key.lastUsedAt === null ? "never used" : `used ${time(key.lastUsedAt)} from ${key.lastUsedFrom ?? "unknown"}`,
        key.name,
      ]),
    );
  },
};
