import { keyOfFile } from "../../client/browser.ts";

/** A file that somebody chose or dropped. */
export interface PickedFile {
  file: File;
  /** Path within what was dropped or chosen, such as `photos/2024/a.jpg`. */
  path: string;
  /** Finds the file again after a reload, in browsers that have such handles. */
  handle?: FileSystemFileHandle;
}

type Entries = AsyncIterable<FileSystemFileHandle | FileSystemDirectoryHandle>;

const KEYS_AT_ONCE = 32;
const MOST_CHARACTERS = 255;
const SEPARATOR = " - ";
/** What the server refuses in a name, but for the slashes of a path. */
const REFUSED = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069\\]/gu;

/** Stowage has no folders: those above a file become the beginning of its name. Where that is too long, its end stays. */
export function filenameOf(path: string): string {
  const name = path.split("/").filter(Boolean).join(SEPARATOR).replace(REFUSED, "_");
  const characters = [...name];
  return characters.length <= MOST_CHARACTERS ? name : characters.slice(-MOST_CHARACTERS).join("");
}

/** Gives the files with their resume keys, undefined where one can't be read: some at a time, so that the first needn't wait for all. */
export async function* withKeys(picked: readonly PickedFile[]) {
  for (let start = 0; start < picked.length; start += KEYS_AT_ONCE) {
    const some = picked.slice(start, start + KEYS_AT_ONCE);
    yield await Promise.all(
      some.map(async (one) => ({ ...one, key: await keyOfFile(one.file, one.path).catch(() => undefined) })),
    );
  }
}

/** Takes the files of a file input. */
export function filesOfInput(input: HTMLInputElement): Dropped {
  return readable(...[...(input.files ?? [])].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
}

/** Asks by the browser's own dialog; undefined where it has none that gives handles, no files when it was cancelled. */
export function pickFiles(): Promise<Dropped> | undefined {
  if (window.showOpenFilePicker === undefined) return undefined;
  return window.showOpenFilePicker({ multiple: true }).then(
    async (handles) => together(await Promise.all(handles.map((handle) => filesOfHandle(handle, "")))),
    (error) => {
      if (error instanceof DOMException && error.name === "AbortError") return readable();
      throw error;
    },
  );
}

/** What was dropped or chosen. */
export interface Dropped {
  files: PickedFile[];
  /** Paths of what can't be read. */
  unreadable: string[];
  /** Paths of folders with nothing in them. */
  empty: string[];
}

/** Takes what was dropped; to be called while the event is handled, since later the browser shows it as empty. */
export function filesOfDrop(transfer: DataTransfer): Promise<Dropped> {
  const found = [...transfer.items].filter(({ kind }) => kind === "file").map(filesOfItem);
  return Promise.all(found).then(together);
}

function together(all: readonly Dropped[]): Dropped {
  return {
    files: all.flatMap(({ files }) => files),
    unreadable: all.flatMap(({ unreadable }) => unreadable),
    empty: all.flatMap(({ empty }) => empty),
  };
}

function readable(...files: PickedFile[]): Dropped {
  return { files, unreadable: [], empty: [] };
}

function filesOfItem(item: DataTransferItem): Promise<Dropped> {
  const file = item.getAsFile();
  const plain = () => (file === null ? readable() : readable({ file, path: file.name }));
  const entry = item.webkitGetAsEntry();
  const handle = item.getAsFileSystemHandle?.() ?? Promise.resolve(null);
  return handle
    .catch(() => null)
    .then((found) => {
      if (found !== null) return filesOfHandle(found, "");
      return entry === null ? plain() : filesOfEntry(entry);
    });
}

async function filesOfHandle(handle: FileSystemHandle, above: string): Promise<Dropped> {
  const path = above + handle.name;
  const found: Dropped[] = [];
  try {
    if (handle instanceof FileSystemFileHandle) return readable({ file: await handle.getFile(), path, handle });
    const entries = (handle as FileSystemDirectoryHandle & { values(): Entries }).values();
    for await (const child of entries) found.push(await filesOfHandle(child, `${path}/`));
    if (found.length === 0) found.push({ files: [], unreadable: [], empty: [path] });
  } catch {
    found.push({ files: [], unreadable: [path], empty: [] });
  }
  return together(found);
}

async function filesOfEntry(entry: FileSystemEntry): Promise<Dropped> {
  const path = entry.fullPath.replace(/^\//, "");
  const found: Dropped[] = [];
  try {
    if (entry.isFile) {
      const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
      return readable({ file, path });
    }
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    for (;;) {
      // A browser gives them a hundred at a time.
      const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
      if (some.length === 0) break;
      for (const child of some) found.push(await filesOfEntry(child));
    }
    if (found.length === 0) found.push({ files: [], unreadable: [], empty: [path] });
  } catch {
    found.push({ files: [], unreadable: [path], empty: [] });
  }
  return together(found);
}
