import { Store } from "../ui/store.ts";
import { newEntry, type UploadEntry, type UploadItem, type UploadItemState } from "./upload-item.ts";

const PUBLISH_MS = 80;
const GOES_ON = new Set<UploadItemState>(["waiting", "running", "paused"]);

/** The uploads in the order of their coming, and what is seen of them. */
export class UploadEntries {
  readonly items = new Store<readonly UploadItem[]>([]);
  /** Bytes of files that were completed while others that go on were in the list with them. */
  readonly doneBytes = new Store(0);
  readonly #entries = new Map<string, UploadEntry>();
  #doneBytes = 0;
  #publishing: ReturnType<typeof setTimeout> | undefined;

  get size(): number {
    return this.#entries.size;
  }

  all(): UploadEntry[] {
    return [...this.#entries.values()];
  }

  get(key: string): UploadEntry | undefined {
    return this.#entries.get(key);
  }

  has(entry: UploadEntry): boolean {
    return this.#entries.get(entry.item.key) === entry;
  }

  ofUpload(uploadId: string): UploadEntry | undefined {
    return this.all().find((entry) => entry.uploadId === uploadId);
  }

  add(key: string, filename: string, size: number, state: UploadItemState): UploadEntry {
    this.#beginAnew();
    const entry = newEntry(key, filename, size, state);
    this.#entries.set(key, entry);
    this.#publish();
    return entry;
  }

  change(entry: UploadEntry, change: Partial<UploadItem>): void {
    entry.item = { ...entry.item, ...change };
    this.#publish();
  }

  delete(entry: UploadEntry): void {
    this.#entries.delete(entry.item.key);
    if (this.size === 0) this.#doneBytes = 0;
    this.#publish();
  }

  complete(entry: UploadEntry): void {
    this.#doneBytes += entry.item.size;
    this.delete(entry);
  }

  /** @returns those that there were */
  clear(): UploadEntry[] {
    const entries = this.all();
    this.#entries.clear();
    this.#doneBytes = 0;
    this.#publish();
    return entries;
  }

  /** What was done belongs to no sum any more where only files are left that wait for somebody. */
  #beginAnew(): void {
    if (!this.all().some(({ item }) => GOES_ON.has(item.state))) this.#doneBytes = 0;
  }

  /** A hundred small files a second need not be drawn as often. */
  #publish(): void {
    this.#publishing ??= setTimeout(() => {
      this.#publishing = undefined;
      this.doneBytes.set(this.#doneBytes);
      this.items.set(this.all().map(({ item }) => item));
    }, PUBLISH_MS);
  }
}
