import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdtemp, opendir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { UsageError } from "./exit-codes.ts";

/** Standard input among paths. yargs drops a `-` from a list of arguments, so it becomes this before it is parsed. */
export const STDIN = "/dev/stdin";

/** `upload -` for yargs; the `-` of `--output -` stays. */
export function nameStdin(args: readonly string[]): string[] {
  if (!args.includes("upload")) return [...args];
  return args.map((arg, index) => (arg === "-" && !/^(-o|--output)$/.test(args[index - 1] ?? "") ? STDIN : arg));
}

/**
 * The named files, and those in the named folders; links in folders are passed over. What isn't there is left to whoever
 * opens it, so that it doesn't stop the others. @throws UsageError
 */
export async function expandPaths(paths: readonly string[], recursive: boolean): Promise<AsyncGenerator<string>> {
  const isFolder = (path: string) =>
    stat(path).then(
      (stats) => stats.isDirectory(),
      () => false,
    );
  const named = await Promise.all(paths.map(async (path) => ({ path, isFolder: await isFolder(path) })));
  const folder = named.find(({ isFolder }) => isFolder);
  if (folder !== undefined && !recursive) {
    throw new UsageError(`${folder.path} is a folder. Add --recursive to upload what is in it.`);
  }
  return (async function* () {
    for (const { path, isFolder } of named) {
      if (isFolder) yield* filesIn(path);
      else yield path;
    }
  })();
}

async function* filesIn(folder: string): AsyncGenerator<string> {
  for await (const entry of await opendir(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesIn(path);
    else if (entry.isFile()) yield path;
  }
}

/** The same for the same file in the same state, and another for any other on this machine. */
export async function resumeKeyOf(path: string): Promise<string> {
  const { size, mtimeNs } = await stat(path, { bigint: true });
  // A path may be longer than a key.
  return createHash("sha256")
    .update(`${resolve(path)}\0${size}\0${mtimeNs}`)
    .digest("hex");
}

/**
 * Standard input as a file in the temporary folder: the server wants the size first, and what failed is read again.
 * @returns its path, and what removes it
 */
export async function spoolStdin(signal: AbortSignal): Promise<{ path: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "stowage-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const path = join(folder, "stdin");
    await pipeline(process.stdin, createWriteStream(path, { mode: 0o600 }), { signal });
    return { path, remove };
  } catch (error) {
    await remove();
    throw signal.aborted ? signal.reason : error;
  }
}
