import { stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { CommandModule } from "yargs";
import type { StoredFile } from "../../client/node.ts";
import { formatBytes } from "../../terminal/format.ts";
import { UsageError } from "../exit-codes.ts";
import { findFile } from "../find-file.ts";
import { print, printJson } from "../output.ts";
import { type GlobalArguments, interruptible, openClient } from "../session.ts";
import { beginTransfer, openTransferDisplay } from "../transfer-task.ts";

interface DownloadArguments extends GlobalArguments {
  file: string;
  output: string | undefined;
  force: boolean;
}

export const downloadCommand: CommandModule<GlobalArguments, DownloadArguments> = {
  command: "download <file>",
  describe: "Download a file, verified; the same command continues what was interrupted",
  builder: (yargs) =>
    yargs
      .positional("file", { describe: "Its id or its name", type: "string", demandOption: true })
      .option("output", { alias: "o", type: "string", describe: "A path, a folder, or - for standard output" })
      .option("force", { alias: "f", type: "boolean", default: false, describe: "Replace a file that is there" }),
  handler: async (args) => {
    const client = await openClient(args, { patient: true });
    const file = await findFile(await openClient(args), args.file);
    const signal = interruptible();
    const display = openTransferDisplay(args.json);
    const task = beginTransfer(display, file.filename);
    const options = { signal, onProgress: task.onProgress, onRetry: task.onRetry };
    let path: string | undefined;
    try {
      if (args.output === "-") {
        const { stream } = await client.download(file.id, options);
        await pipeline(Readable.fromWeb(stream as never), process.stdout, { end: false });
      } else {
        path = await pathFor(file, args.output);
        await client.downloadTo(path, file.id, { ...options, overwrite: args.force });
      }
    } catch (error) {
      if (signal.aborted && path !== undefined) {
        display.note("Interrupted. The same command continues where it stopped.");
      }
      throw signal.aborted ? signal.reason : error;
    } finally {
      task.end();
      display.close();
    }
    if (path === undefined) return;
    if (args.json) printJson({ path, file });
    else print(`${path}  ${formatBytes(file.size)}`);
  },
};

async function pathFor(file: StoredFile, output: string | undefined): Promise<string> {
  // The server takes no name with a path in it; whoever answers in its place might.
  const name = fitting(basename(file.filename));
  if (output === undefined) return name;
  const isFolder = await stat(output).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
  if (isFolder) return join(output, name);
  const folder = dirname(output);
  await stat(folder).catch(() => {
    throw new UsageError(`There is no folder ${folder} to save in.`);
  });
  return output;
}

/** What file systems take. */
const MAX_NAME_BYTES = 255;

/** The name, cut before its extension where the file system would refuse it. */
function fitting(name: string): string {
  const extension = extname(name).slice(0, 16);
  const stem = [...name.slice(0, name.length - extension.length)];
  while (Buffer.byteLength(stem.join("") + extension) > MAX_NAME_BYTES) stem.pop();
  return stem.join("") + extension;
}
