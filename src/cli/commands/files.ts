import type { CommandModule } from "yargs";
import type { FileOrder, StoredFile } from "../../client/node.ts";
import { formatBytes } from "../../terminal/format.ts";
import { parseSeconds } from "../duration.ts";
import { findFile } from "../find-file.ts";
import { forEach } from "../for-each.ts";
import { print, printJson, printTable, time } from "../output.ts";
import { type GlobalArguments, openClient } from "../session.ts";

const PAGE = 500;
const orders: Record<string, FileOrder> = { newest: "CREATED_AT_DESC", name: "FILENAME_ASC", largest: "SIZE_DESC" };

interface ListArguments extends GlobalArguments {
  search: string | undefined;
  order: string;
  limit: number;
}

export const lsCommand: CommandModule<GlobalArguments, ListArguments> = {
  command: "ls [search]",
  describe: "List files",
  builder: (yargs) =>
    yargs
      .positional("search", { describe: "A part of the name", type: "string" })
      .option("order", { choices: Object.keys(orders), default: "newest", describe: "What comes first" })
      .option("limit", { alias: "n", type: "number", default: 1000, describe: "How many at most" }) as never,
  handler: async (args) => {
    const client = await openClient(args);
    const files: StoredFile[] = [];
    let after: string | null = null;
    do {
      const first = Math.min(PAGE, args.limit - files.length);
      const page = await client.files({
        search: args.search ?? null,
        orderBy: orders[args.order] ?? null,
        first,
        after,
      });
      files.push(...page.nodes);
      after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
    } while (after !== null && files.length < args.limit);
    if (args.json) for (const file of files) printJson(file);
    else {
      printTable(
        files.map((file) => [file.id, formatBytes(file.size).padStart(10), time(file.completedAt), file.filename]),
      );
    }
  },
};

export const rmCommand: CommandModule<GlobalArguments, GlobalArguments & { files: string[] }> = {
  command: "rm <files..>",
  describe: "Delete files",
  builder: (yargs) => yargs.positional("files", { describe: "Ids or names", type: "string" }) as never,
  handler: async (args) => {
    const client = await openClient(args);
    await forEach(args.files, args.json, async (named) => {
      const file = await findFile(client, named);
      await client.deleteFile(file.id);
      if (args.json) printJson({ deleted: file });
      else print(`Deleted ${file.filename} (${file.id}).`);
    });
  },
};

export const mvCommand: CommandModule<GlobalArguments, GlobalArguments & { file: string; name: string }> = {
  command: "mv <file> <name>",
  describe: "Rename a file",
  builder: (yargs) =>
    yargs
      .positional("file", { describe: "Its id or its name", type: "string", demandOption: true })
      .positional("name", { describe: "Its new name", type: "string", demandOption: true }),
  handler: async (args) => {
    const client = await openClient(args);
    const file = await client.renameFile((await findFile(client, args.file)).id, args.name);
    if (args.json) printJson(file);
    else print(`${file.id}  ${file.filename}`);
  },
};

export const linkCommand: CommandModule<GlobalArguments, GlobalArguments & { file: string; expires: string }> = {
  command: "link <file>",
  describe: "Make a link by which anybody downloads the file",
  builder: (yargs) =>
    yargs
      .positional("file", { describe: "Its id or its name", type: "string", demandOption: true })
      .option("expires", { type: "string", default: "1h", describe: "How long it works, such as 30m, 12h or 7d" }),
  handler: async (args) => {
    const seconds = parseSeconds("--expires", args.expires, "365d", "a year");
    const client = await openClient(args);
    const { id } = await findFile(client, args.file);
    const link = await client.createDownloadLink(id, seconds);
    if (args.json) printJson(link);
    else print(link.url);
  },
};
