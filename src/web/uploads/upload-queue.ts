import type { ApolloClient } from "@apollo/client";
import { type Progress, StowageClient, StowageError, type Upload } from "../../client/browser.ts";
import { pageFetch } from "../connection/page-fetch.ts";
import { AbortUploadDocument, MeDocument, OpenUploadsDocument } from "../graphql/operations.ts";
import { formatBytes } from "../ui/format.ts";
import { Store } from "../ui/store.ts";
import { forgetAllHandles, forgetHandle, keepHandle, keptHandles, mayRead } from "./kept-handles.ts";
import { keepPath, keptPath } from "./kept-paths.ts";
import { filenameOf, type PickedFile } from "./picked-files.ts";
import {
  CONNECTIONS,
  connectionsFor,
  newEntry,
  resumeKeyOf,
  type UploadEntry,
  type UploadItem,
  type UploadItemState,
} from "./upload-item.ts";
import { heldUploads, holdUpload } from "./upload-locks.ts";
import { uploadProblem } from "./upload-problem.ts";

const PUBLISH_MS = 80;
/** As long as the page is open, an upload is not given up for want of a connection. */
const RETRY = { baseDelayMs: 250, maxDelayMs: 3_000, giveUpAfterMs: Number.POSITIVE_INFINITY };

/** The uploads of this page, those that wait for their file too. */
export class UploadQueue {
  readonly items = new Store<readonly UploadItem[]>([]);
  /** How many files were completed since the page was opened, and which was the last one. */
  readonly completed = new Store({ files: 0, last: "" });
  readonly #client = new StowageClient({ url: new URL(".", document.baseURI), fetch: pageFetch, retry: RETRY });
  readonly #apollo: ApolloClient;
  readonly #userId: string;
  readonly #entries = new Map<string, UploadEntry>();
  #publishing: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(apollo: ApolloClient, userId: string) {
    this.#apollo = apollo;
    this.#userId = userId;
  }

  /** Takes up what was left open: by itself where the file can be read, else with what somebody does about it. */
  async restore(): Promise<void> {
    this.#stopped = false;
    const answer = await this.#apollo
      .query({ query: OpenUploadsDocument, fetchPolicy: "network-only" })
      .catch(() => undefined);
    const sessions = answer?.data?.uploadSessions.nodes ?? [];
    const [kept, held] = await Promise.all([keptHandles(this.#userId), heldUploads()]);
    // Signed out meanwhile.
    if (this.#stopped) return;
    for (const { id, filename, size, receivedBytes } of sessions) {
      if (held.has(id) || this.#entryOf(id) !== undefined) continue;
      const handle = kept.find(({ uploadId }) => uploadId === id)?.handle;
      const entry = this.#add(id, filename, size, handle === undefined ? "needs-file" : "needs-permission");
      Object.assign(entry, { uploadId: id, handle, path: keptPath(id) });
      this.#change(entry, { sentBytes: receivedBytes });
      if (handle !== undefined && (await mayRead(handle))) await this.#readHandle(entry);
    }
    const open = new Set(sessions.map(({ id }) => id));
    if (answer !== undefined) for (const { uploadId } of kept) if (!open.has(uploadId)) void forgetHandle(uploadId);
  }

  /** @returns how many of them are under way already */
  add(picked: readonly PickedFile[]): number {
    let already = 0;
    for (const { file, path, handle } of picked) {
      const filename = filenameOf(path);
      const key = resumeKeyOf(path, file);
      const known = this.#entries.get(key);
      if (known !== undefined && known.item.state !== "failed") already++;
      else Object.assign(this.#add(key, filename, file.size, "waiting"), { file, handle, path });
    }
    this.#startNext();
    return already;
  }

  /** Continues with the file, which somebody chose again. */
  continueWith(key: string, { file, handle }: PickedFile): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    const { size } = entry.item;
    if (file.size !== size) {
      const problem = `“${file.name}” has ${formatBytes(file.size)} rather than ${formatBytes(size)}: it is another file.`;
      this.#change(entry, { problem });
      return;
    }
    Object.assign(entry, { file, handle });
    this.#change(entry, { state: "waiting", problem: undefined });
    this.#startNext();
  }

  /** Asks the browser for leave to read the file: to be called while a click is handled. */
  async askPermission(key: string): Promise<void> {
    const entry = this.#entries.get(key);
    if (entry?.handle === undefined) return;
    if (await mayRead(entry.handle, true)) await this.#readHandle(entry);
    else this.#change(entry, { state: "needs-file" });
  }

  pause(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined || !["running", "waiting"].includes(entry.item.state)) return;
    entry.upload?.pause();
    this.#change(entry, { state: "paused", retrying: false, bytesPerSecond: 0, secondsLeft: undefined });
    this.#startNext();
  }

  resume(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined || !["paused", "failed"].includes(entry.item.state)) return;
    this.#change(entry, { state: "waiting", problem: undefined });
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

  /** Stops everything here; on the server it stays open. */
  stop(): void {
    this.#stopped = true;
    for (const { stop } of this.#entries.values()) stop?.abort();
    this.#entries.clear();
    this.#publish();
  }

  /** As `stop`, and the next person at this browser finds nothing of it. */
  async forget(): Promise<void> {
    this.stop();
    await forgetAllHandles();
  }

  #add(key: string, filename: string, size: number, state: UploadItemState): UploadEntry {
    const entry = newEntry(key, filename, size, state);
    this.#entries.set(key, entry);
    this.#publish();
    return entry;
  }

  #entryOf(uploadId: string): UploadEntry | undefined {
    return [...this.#entries.values()].find((entry) => entry.uploadId === uploadId);
  }

  #change(entry: UploadEntry, change: Partial<UploadItem>): void {
    entry.item = { ...entry.item, ...change };
    this.#publish();
  }

  #remove(entry: UploadEntry): void {
    this.#entries.delete(entry.item.key);
    if (entry.uploadId !== undefined) void forgetHandle(entry.uploadId);
    this.#publish();
  }

  /** A hundred small files a second need not be drawn as often. */
  #publish(): void {
    this.#publishing ??= setTimeout(() => {
      this.#publishing = undefined;
      this.items.set([...this.#entries.values()].map(({ item }) => item));
    }, PUBLISH_MS);
  }

  async #readHandle(entry: UploadEntry): Promise<void> {
    try {
      const file = await (entry.handle as FileSystemFileHandle).getFile();
      this.continueWith(entry.item.key, { file, path: file.name, ...(entry.handle && { handle: entry.handle }) });
    } catch {
      this.#change(entry, { state: "needs-file", problem: "The file is not where it was." });
    }
    // Continued or not: a file that has changed is to be chosen anew.
    if (entry.item.state === "needs-permission") this.#change(entry, { state: "needs-file" });
  }

  #startNext(): void {
    if (this.#stopped) return;
    const entries = [...this.#entries.values()];
    let free = CONNECTIONS;
    for (const entry of entries) if (entry.item.state === "running") free -= connectionsFor(entry);
    for (const entry of entries) {
      if (entry.item.state !== "waiting" || connectionsFor(entry) > free) continue;
      free -= connectionsFor(entry);
      this.#start(entry);
    }
  }

  #start(entry: UploadEntry): void {
    this.#change(entry, { state: "running" });
    if (entry.upload?.state === "paused") {
      entry.upload.resume();
      return;
    }
    const { file, item } = entry;
    if (file === undefined) {
      this.#change(entry, { state: "needs-file" });
      return;
    }
    const stop = new AbortController();
    const upload = this.#client.upload(file, {
      filename: item.filename,
      resumeKey: resumeKeyOf(entry.path ?? item.filename, file),
      skipCompleted: true,
      maxParallel: connectionsFor(entry),
      signal: stop.signal,
      onProgress: (progress) => this.#onProgress(entry, upload, progress),
      onRetry: () => this.#change(entry, { retrying: true, bytesPerSecond: 0, secondsLeft: undefined }),
    });
    Object.assign(entry, { upload, stop, identified: false });
    upload.done.then(
      () => this.#onCompleted(entry),
      (error) => this.#onFailed(entry, upload, error),
    );
  }

  #onProgress(entry: UploadEntry, upload: Upload, progress: Progress): void {
    if (entry.upload !== upload) return;
    if (!entry.identified && !this.#identify(entry, upload, progress)) return;
    const { bytes: sentBytes, bytesPerSecond, secondsLeft } = progress;
    this.#change(entry, { sentBytes, bytesPerSecond, secondsLeft, retrying: false });
  }

  /** The server has said which upload this is. @returns whether it goes on */
  #identify(entry: UploadEntry, upload: Upload, { bytes }: Progress): boolean {
    const { id = "" } = upload;
    if (entry.item.key === entry.uploadId && id !== entry.uploadId) {
      // By its time, the file is not the one that this upload began with, and another was opened for it.
      entry.upload = undefined;
      if (bytes === 0) void upload.abort().catch(() => {});
      else entry.stop?.abort();
      const problem = "This file is another one, or has changed since. Cancel this upload to start it anew.";
      this.#change(entry, { state: "needs-file", problem, retrying: false });
      this.#startNext();
      return false;
    }
    const other = this.#entryOf(id);
    if (other !== entry && other?.upload !== undefined) {
      // The same file was chosen twice, once for an upload that waited for it: one of them is enough.
      entry.stop?.abort();
      this.#entries.delete(entry.item.key);
      this.#publish();
      return false;
    }
    if (other !== undefined && other !== entry) this.#entries.delete(other.item.key);
    entry.uploadId = id;
    entry.identified = true;
    keepPath(id, entry.path ?? "");
    holdUpload(id, upload.done);
    if (entry.handle) void keepHandle({ uploadId: id, userId: this.#userId, handle: entry.handle });
    this.#refreshUser();
    return true;
  }

  #onCompleted(entry: UploadEntry): void {
    if (this.#entries.get(entry.item.key) !== entry) return;
    this.#remove(entry);
    this.completed.set({ files: this.completed.get().files + 1, last: entry.item.filename });
    this.#refreshUser();
    this.#startNext();
  }

  #onFailed(entry: UploadEntry, upload: Upload, error: unknown): void {
    if (entry.upload !== upload || this.#stopped || this.#entries.get(entry.item.key) !== entry) return;
    entry.upload = undefined;
    this.#change(entry, {
      state: "failed",
      problem: uploadProblem(error),
      retrying: false,
      bytesPerSecond: 0,
      secondsLeft: undefined,
    });
    if (error instanceof StowageError && error.code === "SOURCE_CHANGED" && entry.uploadId !== undefined) {
      // What is there can't be used any more; another try begins anew.
      void this.#abort(entry.uploadId).catch(() => {});
      entry.uploadId = undefined;
    }
    // A session that has ended leads back to signing in.
    this.#refreshUser();
    this.#startNext();
  }

  async #abort(uploadId: string): Promise<void> {
    await this.#apollo.mutate({ mutation: AbortUploadDocument, variables: { uploadId } });
  }

  #refreshUser(): void {
    if (this.#stopped) return;
    void this.#apollo.query({ query: MeDocument, fetchPolicy: "network-only" }).catch(() => {});
  }
}
