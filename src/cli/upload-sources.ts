import { createHash } from "node:crypto";
import { createWriteStream, type Dirent } from "node:fs";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { explain, UsageError } from "./exit-codes.ts";

/** Standard input among paths. yargs drops a `-` from a list of arguments, so it becomes this before it is parsed. */
export const STDIN = "/dev/stdin";

/** `upload -` for yargs; the `-` of `--output -` stays. */
export function nameStdin(args: readonly string[]): string[] {
  if (!args.includes("upload")) return [...args];
  return args.map((arg, index) => (arg === "-" && !/^(-o|--output)$/.test(args[index - 1] ?? "") ? STDIN : arg));
}

/** A file to upload, or why what was found isn't one. */
export interface Found {
  path: string;
  problem?: string;
  /** Whether it is only told: nothing was to be uploaded there. */
  isNote?: boolean;
}

/**
 * The named files, and those in the named folders. What isn't there is left to whoever opens it, so that it doesn't stop
 * the others; what can't be read, and what is passed over, is told. @throws UsageError
 */
export async function expandPaths(paths: readonly string[], recursive: boolean): Promise<AsyncGenerator<Found>> {
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
      if (isFolder) yield* filesIn(Buffer.from(path));
      else yield { path };
    }
  })();
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Null where the bytes are none. */
function asText(name: Buffer): string | null {
  try {
    return utf8.decode(name);
  } catch {
    return null;
  }
}

async function* filesIn(folder: Buffer): AsyncGenerator<Found> {
  const shown = folder.toString();
  let entries: Dirent<Buffer>[];
  try {
    entries = await readdir(folder, { withFileTypes: true, encoding: "buffer" });
  } catch (error) {
    yield { path: shown, problem: explain(error) };
    return;
  }
  if (entries.length === 0) yield { path: shown, problem: "It is an empty folder.", isNote: true };
  for (const entry of entries) {
    const path = Buffer.concat([folder, Buffer.from(sep), entry.name]);
    const text = asText(path);
    if (entry.isDirectory()) yield* filesIn(path);
    else if (text === null) yield { path: path.toString(), problem: "Its name is no UTF-8. Rename it." };
    else if (entry.isFile()) yield { path: text };
    else if (entry.isSymbolicLink()) yield { path: text, problem: "It is a link, and passed over.", isNote: true };
    else yield { path: text, problem: "It is no file, and passed over.", isNote: true };
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
