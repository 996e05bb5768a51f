import type { ApolloClient } from "@apollo/client";
import { keyOfFile, type Progress, StowageClient, StowageError, type Upload } from "../../client/browser.ts";
import { pageFetch } from "../connection/page-fetch.ts";
import { AbortUploadDocument, MeDocument } from "../graphql/operations.ts";
import { formatBytes } from "../ui/format.ts";
import { Store } from "../ui/store.ts";
import { forgetAllHandles, forgetHandle, keepHandle, keptHandles, mayRead } from "./kept-handles.ts";
import { keepPath, keptPath } from "./kept-paths.ts";
import { CLIENT, isContinuable, openUploads } from "./open-uploads.ts";
import { filenameOf, type PickedFile, withKeys } from "./picked-files.ts";
import { UploadEntries } from "./upload-entries.ts";
import { CONNECTIONS, connectionsFor, type UploadEntry, type UploadItem } from "./upload-item.ts";
import { heldUploads, holdUpload } from "./upload-locks.ts";
import { uploadProblem } from "./upload-problem.ts";

/** Patience without end: while the page is open, no upload is given up for want of a connection. */
const RETRY = { baseDelayMs: 250, maxDelayMs: 3_000, giveUpAfterMs: Number.POSITIVE_INFINITY };

/** The uploads of this page, those that wait for their file too. */
export class UploadQueue {
  /** How many files were completed since the page was opened, how many of them were there before, and which was the last one. */
  readonly completed = new Store({ files: 0, already: 0, last: "" });
  readonly #client = new StowageClient({ url: new URL(".", document.baseURI), fetch: pageFetch, retry: RETRY });
  readonly #apollo: ApolloClient;
  readonly userId: string;
  readonly #entries = new UploadEntries();
  #stopped = false;

  get items(): Store<readonly UploadItem[]> {
    return this.#entries.items;
  }

  /** What belongs to the sum besides the items: files that are done. */
  get doneBytes(): Store<number> {
    return this.#entries.doneBytes;
  }

  constructor(apollo: ApolloClient, userId: string) {
    this.#apollo = apollo;
    this.userId = userId;
  }

  /** Takes up what was left open: by itself where the file can be read, else with what somebody does about it. */
  async restore(): Promise<void> {
    this.#stopped = false;
    this.#startNext();
    const sessions = await openUploads(this.#apollo);
    const [kept, held] = await Promise.all([keptHandles(this.userId), heldUploads()]);
    // Signed out meanwhile.
    if (this.#stopped) return;
    for (const session of sessions ?? []) {
      const { id, filename, size, receivedBytes } = session;
      if (held.has(id) || this.#entries.ofUpload(id) !== undefined) continue;
      const handle = kept.find(({ uploadId }) => uploadId === id)?.handle;
      const state = !isContinuable(session) ? "elsewhere" : handle === undefined ? "needs-file" : "needs-permission";
      const entry = this.#entries.add(id, filename, size, state);
      Object.assign(entry, { uploadId: id, handle, path: keptPath(id) });
      this.#entries.change(entry, { storedBytes: receivedBytes, sentBytes: receivedBytes });
      if (handle !== undefined && (await mayRead(handle))) await this.#readHandle(entry);
    }
    const open = new Set(sessions?.map(({ id }) => id));
    if (sessions !== undefined) for (const { uploadId } of kept) if (!open.has(uploadId)) void forgetHandle(uploadId);
  }

  /** @returns how many of them are under way already, and the paths of those that can't be read */
  async add(picked: readonly PickedFile[]): Promise<{ already: number; unreadable: string[] }> {
    const unreadable: string[] = [];
    let already = 0;
    for await (const some of withKeys(picked)) {
      if (this.#stopped) break;
      for (const { key, file, path, handle } of some) {
        const known = key === undefined ? undefined : this.#entries.get(key);
        if (key === undefined) unreadable.push(path);
        else if (known !== undefined && known.item.state !== "failed") already++;
        else {
          const entry = this.#entries.add(key, filenameOf(path), file.size, "waiting");
          Object.assign(entry, { file, handle, path, resumeKey: key });
        }
      }
      this.#startNext();
    }
    return { already, unreadable };
  }

  /** Continues with the file, which somebody chose again. */
  async continueWith(key: string, { file, handle }: PickedFile): Promise<void> {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    const { size, filename } = entry.item;
    if (entry.uploadId === undefined) {
      // Nothing of it is on the server: it is uploaded as it is now.
      this.#entries.change(entry, { size: file.size, sentBytes: 0, storedBytes: 0 });
    } else if (file.size !== size) {
      const problem = `“${file.name}” has ${formatBytes(file.size)} rather than ${formatBytes(size)}: it is another file.`;
      this.#entries.change(entry, { problem });
      return;
    }
    const resumeKey = await keyOfFile(file, entry.path ?? filename).catch(() => undefined);
    if (!this.#entries.has(entry)) return;
    if (resumeKey === undefined) {
      this.#entries.change(entry, { problem: "The browser could not read it." });
      return;
    }
    Object.assign(entry, { file, handle, resumeKey });
    this.#entries.change(entry, { state: "waiting", problem: undefined });
    this.#startNext();
  }

  /** Asks the browser for leave to read the file: to be called while a click is handled. */
  async askPermission(key: string): Promise<void> {
    const entry = this.#entries.get(key);
    if (entry?.handle === undefined) return;
    if (await mayRead(entry.handle, true)) await this.#readHandle(entry);
    else this.#entries.change(entry, { state: "needs-file" });
  }

  pause(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined || !["running", "waiting"].includes(entry.item.state)) return;
    entry.upload?.pause();
    this.#entries.change(entry, { state: "paused", retrying: false, bytesPerSecond: 0, secondsLeft: undefined });
    this.#startNext();
  }

  resume(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined || !["paused", "failed"].includes(entry.item.state)) return;
    this.#entries.change(entry, { state: "waiting", problem: undefined });
    this.#startNext();
  }

  /** Gives it up, on the server too. */
  async cancel(key: string): Promise<void> {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#remove(entry);
    try {
      if (entry.upload !== undefined) await entry.upload.abort();
      else if (entry.uploadId !== undefined) await this.#abort(entry.uploadId);
    } catch {} // It expires by itself.
    this.#refreshUser();
    this.#startNext();
  }

  /** Holds everything until `restore`: nobody is signed in. */
  hold(): void {
    this.#stopped = true;
  }

  /** Stops everything here, and the next person at this browser finds nothing of it. On the server it stays open. */
  async forget(): Promise<void> {
    this.#stopped = true;
    for (const { stop } of this.#entries.clear()) stop?.abort();
    await forgetAllHandles();
  }

  #remove(entry: UploadEntry): void {
    this.#entries.delete(entry);
    if (entry.uploadId !== undefined) void forgetHandle(entry.uploadId);
  }

  async #readHandle(entry: UploadEntry): Promise<void> {
    try {
      const file = await (entry.handle as FileSystemFileHandle).getFile();
      await this.continueWith(entry.item.key, { file, path: file.name, ...(entry.handle && { handle: entry.handle }) });
    } catch {
      this.#entries.change(entry, { state: "needs-file", problem: "The file is not where it was." });
    }
    // Continued or not: a file that has changed is to be chosen anew.
    if (entry.item.state === "needs-permission") this.#entries.change(entry, { state: "needs-file" });
  }

  #startNext(): void {
    if (this.#stopped) return;
    const entries = this.#entries.all();
    let free = CONNECTIONS;
    for (const entry of entries) if (entry.item.state === "running") free -= connectionsFor(entry);
    for (const entry of entries) {
      if (entry.item.state !== "waiting" || connectionsFor(entry) > free) continue;
      free -= connectionsFor(entry);
      this.#start(entry);
    }
  }

  #start(entry: UploadEntry): void {
    this.#entries.change(entry, { state: "running" });
    if (entry.upload?.state === "paused") {
      entry.upload.resume();
      return;
    }
    const { file, item } = entry;
    if (file === undefined) {
      this.#entries.change(entry, { state: "needs-file" });
      return;
    }
    const stop = new AbortController();
    const upload = this.#client.upload(file, {
      filename: item.filename,
      resumeKey: entry.resumeKey,
      skipCompleted: true,
      client: CLIENT,
      maxParallel: connectionsFor(entry),
      signal: stop.signal,
      onProgress: (progress) => this.#onProgress(entry, upload, progress),
      onRetry: () => this.#entries.change(entry, { retrying: true, bytesPerSecond: 0, secondsLeft: undefined }),
    });
    Object.assign(entry, { upload, stop, identified: false });
    upload.done.then(
      () => this.#onCompleted(entry, upload.wasComplete),
      (error) => this.#onFailed(entry, upload, error),
    );
  }

  #onProgress(entry: UploadEntry, upload: Upload, progress: Progress): void {
    if (entry.upload !== upload) return;
    if (!entry.identified && !this.#identify(entry, upload, progress)) return;
    const { bytes: storedBytes, sentBytes, bytesPerSecond, secondsLeft } = progress;
    this.#entries.change(entry, { storedBytes, sentBytes, bytesPerSecond, secondsLeft, retrying: false });
  }

  /** The server has said which upload this is. @returns whether it goes on */
  #identify(entry: UploadEntry, upload: Upload, { bytes }: Progress): boolean {
    const { id = "" } = upload;
    if (entry.item.key === entry.uploadId && id !== entry.uploadId) {
      // The file's time says that it isn't the one that this upload began with, and another was opened for it.
      entry.upload = undefined;
      if (bytes === 0) void upload.abort().catch(() => {});
      else entry.stop?.abort();
      const problem =
        "This file is another one, or has changed since, or the upload was begun by another program. Cancel it to start anew.";
      this.#entries.change(entry, { state: "needs-file", problem, retrying: false });
      this.#startNext();
      return false;
    }
    const other = this.#entries.ofUpload(id);
    if (other !== entry && other?.upload !== undefined) {
      // The same file was chosen twice, once for an upload that waited for it: one of them is enough.
      entry.stop?.abort();
      this.#entries.delete(entry);
      return false;
    }
    if (other !== undefined && other !== entry) this.#entries.delete(other);
    entry.uploadId = id;
    entry.identified = true;
    keepPath(id, entry.path ?? "");
    holdUpload(id, upload.done);
    if (entry.handle) void keepHandle({ uploadId: id, userId: this.userId, handle: entry.handle });
    this.#refreshUser();
    return true;
  }

  #onCompleted(entry: UploadEntry, wasComplete: boolean): void {
    if (!this.#entries.has(entry)) return;
    this.#entries.complete(entry);
    if (entry.uploadId !== undefined) void forgetHandle(entry.uploadId);
    const { files, already } = this.completed.get();
    this.completed.set({ files: files + 1, already: already + Number(wasComplete), last: entry.item.filename });
    this.#refreshUser();
    this.#startNext();
  }

  #onFailed(entry: UploadEntry, upload: Upload, error: unknown): void {
    if (entry.upload !== upload || !this.#entries.has(entry)) return;
    entry.upload = undefined;
    const still = { retrying: false, bytesPerSecond: 0, secondsLeft: undefined };
    const code = error instanceof StowageError ? error.code : undefined;
    if (code === "UNAUTHENTICATED" || this.#stopped) {
      // It goes on when the same person has signed in again.
      this.#stopped = true;
      this.#entries.change(entry, { ...still, state: "waiting" });
    } else if (code === "SOURCE_CHANGED") {
      // What is there can't be used any more; another try begins anew, with the file as it is then.
      if (entry.uploadId !== undefined) void this.#abort(entry.uploadId).catch(() => {});
      Object.assign(entry, { uploadId: undefined, file: undefined });
      this.#entries.change(entry, {
        ...still,
        state: "needs-file",
        problem: uploadProblem(error),
        sentBytes: 0,
        storedBytes: 0,
      });
    } else {
      this.#entries.change(entry, { ...still, state: "failed", problem: uploadProblem(error) });
    }
    // A session that has ended leads back to signing in.
    this.#refreshUser();
    this.#startNext();
  }

  async #abort(uploadId: string): Promise<void> {
    await this.#apollo.mutate({ mutation: AbortUploadDocument, variables: { uploadId } });
  }

  #refreshUser(): void {
    void this.#apollo.query({ query: MeDocument, fetchPolicy: "network-only" }).catch(() => {});
  }
}
