import mime from "mime";
import type { CommandModule } from "yargs";
import { SourceChangedError, type StowageClient, type Upload } from "../../client/node.ts";
import { formatBytes } from "../../terminal/format.ts";
import type { ProgressDisplay } from "../../terminal/progress-display.ts";
import { exitCodeOf, exitCodes, explain, UsageError } from "../exit-codes.ts";
import { printJson } from "../output.ts";
import { type GlobalArguments, interruptible, openClient } from "../session.ts";
import { beginTransfer, openTransferDisplay } from "../transfer-task.ts";
import { expandPaths, type Found, resumeKeyOf, STDIN, spoolStdin } from "../upload-sources.ts";

interface UploadArguments extends GlobalArguments {
  paths: string[];
  recursive: boolean;
  name: string | undefined;
  type: string | undefined;
  again: boolean;
}

/** Small files take longer to ask for than to send. */
const FILES_AT_ONCE = 4;

export const uploadCommand: CommandModule<GlobalArguments, UploadArguments> = {
  command: "upload <paths..>",
  describe: "Upload files; the same command continues what was interrupted",
  builder: (yargs) =>
    yargs
      .positional("paths", { describe: "Files, folders with --recursive, or - for standard input", type: "string" })
      .option("recursive", { alias: "r", type: "boolean", default: false, describe: "Upload what is in folders" })
      .option("name", { type: "string", describe: "Store a single file under this name" })
      .option("type", { type: "string", describe: "Media type; told by the name when left out" })
      .option("again", { type: "boolean", default: false, describe: "Also what was uploaded before, unchanged" })
      .example("tar c . | $0 upload - --name backup.tar", "Upload what a command prints")
      .epilog("Files are stored under their names without folders.") as never,
  handler: async (args) => {
    const { paths, name, recursive } = args;
    if (name !== undefined && (paths.length > 1 || recursive)) throw new UsageError("--name accepts a single file.");
    if (paths.includes(STDIN) && paths.length > 1) throw new UsageError("Standard input, -, is uploaded alone.");
    if (isStdin(args) && name === undefined) throw new UsageError("Give standard input a name: upload - --name NAME.");
    const client = await openClient(args, { patient: true });
    const signal = interruptible();
    if (!isStdin(args)) return uploadAll(client, await expandPaths(paths, recursive), args, signal);
    const { path, remove } = await spoolStdin(signal);
    try {
      await uploadAll(client, only(path), args, signal);
    } finally {
      await remove();
    }
  },
};

async function* only(path: string): AsyncGenerator<Found> {
  yield { path };
}

async function uploadAll(
  client: StowageClient,
  paths: AsyncGenerator<Found>,
  args: UploadArguments,
  signal: AbortSignal,
): Promise<void> {
  const display = openTransferDisplay(args.json);
  const work = async () => {
    for await (const found of sharing(paths)) {
      if (signal.aborted) return;
      if (found.problem === undefined) await uploadOne(client, found.path, args, signal, display);
      else tellProblem(found, args, display);
    }
  };
  try {
    const ended = await Promise.allSettled(Array.from({ length: FILES_AT_ONCE }, work));
    for (const end of ended) if (end.status === "rejected") throw end.reason;
  } finally {
    display.close();
  }
  if (!signal.aborted) return;
  if (!args.json) {
    const again = isStdin(args) ? "" : " The same command continues where it stopped.";
    process.stderr.write(`Interrupted.${again}\n`);
  }
  process.exitCode = exitCodeOf(signal.reason);
}

/** What several loops take from, none of which ends it for the others. */
function sharing<T>(items: AsyncGenerator<T>): AsyncIterable<T> {
  return { [Symbol.asyncIterator]: () => ({ next: () => items.next() }) };
}

/** Tells of a file that isn't uploaded; the others go on. */
function tellProblem({ path, problem, isNote = false }: Found, args: UploadArguments, display: ProgressDisplay): void {
  if (args.json) printJson({ path, [isNote ? "skipped" : "error"]: { message: problem } });
  else display.note(`${path}: ${problem}`);
  if (!isNote) process.exitCode = Math.max(Number(process.exitCode ?? 0), exitCodes.failed);
}

function isStdin({ paths }: UploadArguments): boolean {
  return paths[0] === STDIN;
}

/** Tells of one file's failure; the others go on. */
async function uploadOne(
  client: StowageClient,
  path: string,
  args: UploadArguments,
  signal: AbortSignal,
  display: ProgressDisplay,
): Promise<void> {
  const shown = isStdin(args) ? "-" : path;
  const task = beginTransfer(display, args.name ?? shown);
  let upload: Upload | undefined;
  try {
    upload = client.upload(path, {
      filename: args.name,
      contentType: args.type ?? mime.getType(args.name ?? path) ?? undefined,
      resumeKey: isStdin(args) ? null : await resumeKeyOf(path),
      skipCompleted: !args.again,
      client: "stowage",
      signal,
      onProgress: task.onProgress,
      onRetry: task.onRetry,
    });
    const file = await upload.done;
    task.end();
    const { wasComplete } = upload;
    if (args.json) printJson({ path: shown, file, ...(wasComplete && { wasComplete }) });
    else {
      display.result(
        `${file.id}  ${file.filename}  ${formatBytes(file.size)}${wasComplete ? "  (there already)" : ""}`,
      );
    }
  } catch (error) {
    task.end();
    if (signal.aborted) return;
    const changed = error instanceof SourceChangedError;
    // Nothing can complete it: its key tells the file's time and size, and the file has others now.
    if (changed && upload?.id !== undefined) await client.abortUpload(upload.id).catch(() => {});
    const message = changed ? "It changed while it was uploaded. Run the command again." : explain(error);
    if (args.json) printJson({ path: shown, error: { code: (error as { code?: string }).code, message } });
    else display.note(`${shown}: ${message}`);
    process.exitCode = Math.max(Number(process.exitCode ?? 0), exitCodeOf(error));
  }
}
