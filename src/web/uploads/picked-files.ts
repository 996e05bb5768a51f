/** A file that somebody chose or dropped. */
export interface PickedFile {
  file: File;
  /** Within what was dropped or chosen, such as `photos/2024/a.jpg`. */
  path: string;
  /** By which the file is found again after a reload, in browsers that have such. */
  handle?: FileSystemFileHandle;
}

type Entries = AsyncIterable<FileSystemFileHandle | FileSystemDirectoryHandle>;

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

/** Of a file input. */
export function filesOfInput(input: HTMLInputElement): PickedFile[] {
  return [...(input.files ?? [])].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
}

/** By the browser's own dialog; undefined where it has none that gives handles. Nothing when the dialog was cancelled. */
export function pickFiles(): Promise<PickedFile[]> | undefined {
  if (window.showOpenFilePicker === undefined) return undefined;
  return window.showOpenFilePicker({ multiple: true }).then(
    (handles) =>
      Promise.all(
        handles.map(async (handle) => {
          const file = await handle.getFile();
          return { file, path: file.name, handle };
        }),
      ),
    (error) => {
      if (error instanceof DOMException && error.name === "AbortError") return [];
      throw error;
    },
  );
}

/** To be called while the drop event is handled: later, the browser shows it as empty. */
export function filesOfDrop(transfer: DataTransfer): Promise<PickedFile[]> {
  const found = [...transfer.items].filter(({ kind }) => kind === "file").map(filesOfItem);
  return Promise.all(found).then((lists) => lists.flat());
}

function filesOfItem(item: DataTransferItem): Promise<PickedFile[]> {
  const file = item.getAsFile();
  const plain = (): PickedFile[] => (file === null ? [] : [{ file, path: file.name }]);
  const entry = item.webkitGetAsEntry();
  const handle = item.getAsFileSystemHandle?.() ?? Promise.resolve(null);
  return handle
    .catch(() => null)
    .then((found) => {
      if (found !== null) return filesOfHandle(found, "");
      return entry === null ? plain() : filesOfEntry(entry);
    });
}

async function filesOfHandle(handle: FileSystemHandle, above: string): Promise<PickedFile[]> {
  if (handle instanceof FileSystemFileHandle) {
    return [{ file: await handle.getFile(), path: above + handle.name, handle }];
  }
  const files: PickedFile[] = [];
  const entries = (handle as FileSystemDirectoryHandle & { values(): Entries }).values();
  for await (const child of entries) files.push(...(await filesOfHandle(child, `${above}${handle.name}/`)));
  return files;
}

async function filesOfEntry(entry: FileSystemEntry): Promise<PickedFile[]> {
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ file, path }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: PickedFile[] = [];
  for (;;) {
    // A browser gives them a hundred at a time.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return files;
    for (const child of some) files.push(...(await filesOfEntry(child)));
  }
}
