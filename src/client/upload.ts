import { ChunkSender, stillMissing } from "./chunk-sender.ts";
import { ChunkDigests } from "./digests.ts";
import { SourceChangedError, StowageError } from "./errors.ts";
import {
  AbortUploadDocument,
  BeginUploadDocument,
  CompleteUploadDocument,
  FileDocument,
  type FileFieldsFragment,
  type UploadFieldsFragment,
  UploadSessionDocument,
} from "./operations.ts";
import { insist, type OnRetry } from "./patience.ts";
import { type Progress, ProgressMeter } from "./progress.ts";
import type { Source } from "./source.ts";
import type { Transport } from "./transport.ts";

export interface UploadOptions {
  /** The source's own name when left out. */
  filename?: string | undefined;
  /** A media type; the source's own when left out. */
  contentType?: string | undefined;
  /** Bytes, 65536 to 67108864; the server's default when left out. An upload that is continued keeps its own. */
  chunkSize?: number | undefined;
  /**
   * Key by which the open upload of the same file is found and continued, from wherever it is begun again. Made of name,
   * size, time of last modification and the first and last 64 KiB when left out; null for none.
   */
  resumeKey?: string | null | undefined;
  /** What your program is called, 1 to 64 characters: others see by it whether they can continue the upload. */
  client?: string | undefined;
  /**
   * Whether a file that an upload with the same `resumeKey`, name and size became lately is taken instead of sent again.
   * The source is read and hashed for it: another one that merely looks alike is sent.
   */
  skipCompleted?: boolean | undefined;
  /** Stops sending; the upload stays on the server, to be continued. */
  signal?: AbortSignal | undefined;
  /** How many chunks to send at once at most. */
  maxParallel?: number | undefined;
  /** Called at the start, whenever chunks were acknowledged, and when all are. */
  onProgress?: ((progress: Progress) => void) | undefined;
  /** Called when something failed that may pass, such as the connection, with the time until the next try. */
  onRetry?: OnRetry | undefined;
}

export type UploadState = "running" | "paused" | "completed" | "failed" | "aborted";

/** How often a server may say that it lacks what it has acknowledged. */
const MAX_ROUNDS = 5;

/** Why requests are cut off while the upload is paused. */
const PAUSED = new DOMException("The upload was paused.", "AbortError");

/** One upload under way. */
export class Upload {
  /** The complete file. Rejects with a StowageError, or with an AbortError after `abort()` or the caller's signal. */
  readonly done: Promise<FileFieldsFragment>;
  readonly #transport: Transport;
  readonly #options: UploadOptions;
  readonly #maxParallel: number;
  readonly #end = new AbortController();
  readonly #stopped: AbortSignal;
  #id: string | undefined;
  #state: UploadState = "running";
  #wasComplete = false;
  #pause = new AbortController();
  #resumed: { promise: Promise<void>; resolve: () => void } | undefined;
  #meter: ProgressMeter | undefined;

  constructor(transport: Transport, open: () => Promise<Source>, maxParallel: number, options: UploadOptions) {
    this.#transport = transport;
    this.#options = options;
    this.#maxParallel = Math.max(1, options.maxParallel ?? maxParallel);
    this.#stopped = options.signal ? AbortSignal.any([options.signal, this.#end.signal]) : this.#end.signal;
    this.done = this.#run(open).then(
      (file) => {
        this.#state = "completed";
        return file;
      },
      (error) => {
        if (this.#state !== "aborted") this.#state = "failed";
        throw error;
      },
    );
  }

  /** Id of the upload and of the file that it becomes; undefined until the server has opened it. */
  get id(): string | undefined {
    return this.#id;
  }

  /** Whether nothing had to be sent, since an upload with the same `resumeKey` had become this file before. */
  get wasComplete(): boolean {
    return this.#wasComplete;
  }

  get state(): UploadState {
    return this.#state;
  }

  /** Stops sending at once: chunks under way are sent again later. Does nothing unless it is running. */
  pause(): void {
    if (this.#state !== "running") return;
    this.#state = "paused";
    let resolve = () => {};
    const promise = new Promise<void>((resolved) => {
      resolve = resolved;
    });
    this.#resumed = { promise, resolve };
    this.#pause.abort(PAUSED);
  }

  /** Goes on after `pause()`. */
  resume(): void {
    if (this.#state !== "paused") return;
    this.#state = "running";
    this.#pause = new AbortController();
    this.#resumed?.resolve();
  }

  /** Gives the upload up, on the server too. Resolves when that knows; on one that has ended, nothing. */
  async abort(): Promise<void> {
    if (this.#state !== "running" && this.#state !== "paused") return;
    this.#state = "aborted";
    this.#end.abort(new DOMException("The upload was aborted.", "AbortError"));
    this.#resumed?.resolve();
    await this.done.catch(() => {});
    if (this.#id !== undefined) await this.#transport.graphql(AbortUploadDocument, { uploadId: this.#id });
  }

  async #run(open: () => Promise<Source>): Promise<FileFieldsFragment> {
    const source = await open();
    try {
      return await this.#transfer(source);
    } finally {
      await source.close();
    }
  }

  async #transfer(source: Source): Promise<FileFieldsFragment> {
    const { skipCompleted = false } = this.#options;
    let { beginUpload: upload } = await this.#begin(source, skipCompleted);
    if (upload.status === "COMPLETED") {
      const file = await this.#sameFile(source, upload);
      if (file !== undefined) return file;
      upload = (await this.#begin(source, false)).beginUpload;
    }
    this.#id = upload.id;
    const digests = new ChunkDigests(upload.totalChunks);
    this.#meter = new ProgressMeter(upload.size);
    const sender = new ChunkSender(this.#transport, source, upload, digests, {
      maxParallel: this.#maxParallel,
      onAcknowledged: (bytes) => this.#tell(this.#meter?.at(bytes, sender.sentBytes)),
      onSent: () => this.#tell(this.#meter?.at(sender.acknowledgedBytes, sender.sentBytes)),
      onRetry: (error, delayMs) => this.#options.onRetry?.(error, delayMs),
    });
    this.#tell(this.#meter.restart(sender.acknowledgedBytes));
    for (let round = 1; ; round++) {
      await this.#unlessPaused((signal) => sender.send(signal), sender);
      await this.#unlessPaused((signal) => hashOthers(source, upload, digests, signal), sender);
      await source.verify();
      const digest = await digests.ofFile();
      try {
        return await this.#complete(upload.id, digest);
      } catch (error) {
        if (!(error instanceof StowageError)) throw error;
        if (error.code === "DIGEST_MISMATCH") throw new SourceChangedError(error);
        if (error.code !== "UPLOAD_INCOMPLETE" || round === MAX_ROUNDS) throw error;
        await this.#refresh(sender);
      }
    }
  }

  async #begin(source: Source, skipCompleted: boolean) {
    const { filename = source.filename, contentType = source.contentType } = this.#options;
    const { chunkSize, client } = this.#options;
    const { resumeKey = (await source.fingerprint()) ?? null } = this.#options;
    if (filename === undefined) throw new TypeError("A source without a name needs a filename.");
    const input = {
      filename,
      size: source.size,
      contentType,
      chunkSize,
      resumeKey,
      ...(skipCompleted && { skipCompleted }),
      ...(client !== undefined && { client }),
    };
    this.#stopped.throwIfAborted();
    // Not to be cut off by abort(): the answer has the id that it needs to close the upload.
    const ask = () => this.#transport.ask(BeginUploadDocument, { input }, this.#options.signal);
    return this.#insist(ask);
  }

  /** The file that an upload with the same key became before, if its bytes are the source's; otherwise undefined. */
  async #sameFile(source: Source, upload: UploadFieldsFragment): Promise<FileFieldsFragment | undefined> {
    const ask = () => this.#transport.ask(FileDocument, { id: upload.id }, this.#stopped);
    const { file } = await this.#insist(ask);
    const { size, chunkSize, totalChunks } = upload;
    // A file that came by another protocol may be cut in another way, which its digest depends on.
    if (file == null || totalChunks !== Math.ceil(size / chunkSize)) return undefined;
    const digests = new ChunkDigests(totalChunks);
    await hashOthers(source, upload, digests, this.#stopped);
    await source.verify();
    if ((await digests.ofFile()) !== file.digest) return undefined;
    this.#id = upload.id;
    this.#wasComplete = true;
    this.#tell(new ProgressMeter(size).restart(size));
    return file;
  }

  async #complete(uploadId: string, digest: string): Promise<FileFieldsFragment> {
    const ask = () => this.#transport.ask(CompleteUploadDocument, { uploadId, digest }, this.#stopped);
    return (await this.#insist(ask)).completeUpload;
  }

  async #refresh(sender: ChunkSender): Promise<void> {
    const ask = () => this.#transport.ask(UploadSessionDocument, { id: this.#id ?? "" }, this.#stopped);
    const { uploadSession } = await this.#insist(ask);
    sender.expect(stillMissing(uploadSession));
  }

  /** Does the work. When a pause cuts it short, does it again after the pause, with what the server lacks then. */
  async #unlessPaused(work: (signal: AbortSignal) => Promise<void>, sender: ChunkSender): Promise<void> {
    for (;;) {
      const { signal } = this.#pause;
      try {
        return await work(AbortSignal.any([this.#stopped, signal]));
      } catch (error) {
        this.#stopped.throwIfAborted();
        if (!signal.aborted) throw error;
      }
      await this.#pausedUntilResumed();
      await this.#refresh(sender);
      this.#tell(this.#meter?.restart(sender.acknowledgedBytes));
    }
  }

  async #pausedUntilResumed(): Promise<void> {
    const { promise } = this.#resumed ?? {};
    const stopped = new Promise<void>((resolve) => {
      this.#stopped.addEventListener("abort", () => resolve(), { once: true });
      if (this.#stopped.aborted) resolve();
    });
    await Promise.race([promise, stopped]);
    this.#stopped.throwIfAborted();
  }

  #insist<T>(ask: () => Promise<T>): Promise<T> {
    return insist(ask, this.#transport.retry, { signal: this.#stopped, onRetry: this.#options.onRetry });
  }

  #tell(progress: Progress | undefined): void {
    if (progress !== undefined) this.#options.onProgress?.(progress);
  }
}

/** Hashes what was sent before, by whomever: only so the file's digest shows whether it all is of one source. */
async function hashOthers(
  source: Source,
  { size, chunkSize }: { size: number; chunkSize: number },
  digests: ChunkDigests,
  signal: AbortSignal,
): Promise<void> {
  let next = 0;
  const hashing = async () => {
    for (let index = digests.nextUnknown(next); index !== -1; index = digests.nextUnknown(next)) {
      next = index + 1;
      signal.throwIfAborted();
      const { bytes, sha256 } = await source.read(index * chunkSize, Math.min(size, (index + 1) * chunkSize));
      source.release(bytes);
      digests.set(index, sha256);
    }
  };
  // While one is hashed, another is read.
  await Promise.all([hashing(), hashing()]);
}
