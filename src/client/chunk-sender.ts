import { AdaptiveLimit } from "./adaptive-limit.ts";
import { ChunkDeadline } from "./chunk-deadline.ts";
import { ChunkQueue, type ChunkRange } from "./chunk-queue.ts";
import { deferred } from "./deferred.ts";
import { type ChunkDigests, contentDigest } from "./digests.ts";
import { isTransient, SourceChangedError, StowageError } from "./errors.ts";
import { type UploadFieldsFragment, UploadSessionDocument } from "./operations.ts";
import { delay, type OnRetry, Patience } from "./patience.ts";
import type { Source } from "./source.ts";
import type { Transport } from "./transport.ts";

export interface SenderOptions {
  maxParallel: number;
  /** Called whenever bytes were acknowledged, also by another client's doing. */
  onAcknowledged: (bytes: number) => void;
  /** Called while chunks are sent, where the platform tells. */
  onSent: () => void;
  onRetry: OnRetry;
}

/** Bytes that were changed on their way, and not by the source: they are worth another try. */
const brokenOnTheWay = new Set<string>(["CHUNK_DIGEST_MISMATCH", "CHUNK_SIZE_MISMATCH"]);

/** Chunks that are read and hashed while others are sent, so that the line never waits for that. */
const READ_AHEAD = 1;

/** Sends what an upload lacks, several chunks at once, and keeps at it when they fail. */
export class ChunkSender {
  readonly #transport: Transport;
  readonly #source: Source;
  readonly #upload: UploadFieldsFragment;
  readonly #digests: ChunkDigests;
  readonly #options: SenderOptions;
  readonly #queue: ChunkQueue;
  readonly #limit: AdaptiveLimit;
  readonly #patience: Patience;
  readonly #deadline = new ChunkDeadline();
  readonly #inFlight = new Map<number, Promise<void>>();
  readonly #acknowledged = new Set<number>();
  /** The bytes that are on the line, by chunk. */
  readonly #sent = new Map<number, number>();
  /** How many of those in flight are on the line. */
  #sending = 0;
  /** Chunks that are read and hashed, and wait for their turn. */
  #ready: (() => void)[] = [];
  /** Why nothing more is sent until the server was asked anew what it lacks. */
  #trouble: StowageError | undefined;
  #fatal: { error: unknown } | undefined;

  constructor(
    transport: Transport,
    source: Source,
    upload: UploadFieldsFragment,
    digests: ChunkDigests,
    options: SenderOptions,
  ) {
    this.#transport = transport;
    this.#source = source;
    this.#upload = upload;
    this.#digests = digests;
    this.#options = options;
    this.#queue = new ChunkQueue(upload);
    this.#limit = new AdaptiveLimit(options.maxParallel);
    this.#patience = new Patience(transport.retry);
    this.#queue.replace(upload.missing);
  }

  get acknowledgedBytes(): number {
    let missing = this.#queue.bytes;
    for (const index of this.#inFlight.keys()) missing += this.#sizeOf(index);
    return this.#upload.size - missing;
  }

  /** Acknowledged, or on their way. */
  get sentBytes(): number {
    return [...this.#sent.values()].reduce((sum, bytes) => sum + bytes, this.acknowledgedBytes);
  }

  /** What the server says that it lacks. Not while `send` is busy. */
  expect(missing: readonly ChunkRange[]): void {
    this.#acknowledged.clear();
    this.#queue.replace(missing);
    this.#options.onAcknowledged(this.acknowledgedBytes);
  }

  /**
   * Resolves when everything is acknowledged. When it settles, nothing is under way any more.
   * @throws StowageError when it can't be, and the signal's reason when it is aborted
   */
  async send(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const stopped = AbortSignal.any([signal, stop.signal]);
    try {
      while (this.#trouble !== undefined || !this.#queue.isEmpty || this.#inFlight.size > 0) {
        signal.throwIfAborted();
        if (this.#trouble !== undefined) await this.#recover(this.#trouble, signal);
        while (this.#trouble === undefined && this.#inFlight.size < this.#limit.value + READ_AHEAD) {
          const index = this.#queue.take();
          if (index === undefined) break;
          this.#inFlight.set(index, this.#sendOne(index, stopped));
        }
        if (this.#trouble === undefined) await Promise.race(this.#inFlight.values());
        if (this.#fatal !== undefined) throw this.#fatal.error;
      }
    } finally {
      stop.abort();
      this.#next();
      await Promise.all(this.#inFlight.values());
      this.#fatal = undefined;
      this.#trouble = undefined;
    }
  }

  /** Never rejects: what happened shows in the queue, in `#trouble` and in `#fatal`. */
  async #sendOne(index: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#put(index, signal);
      this.#inFlight.delete(index);
      this.#acknowledged.add(index);
      this.#limit.succeeded(this.#sizeOf(index));
      this.#patience.succeeded();
      this.#options.onAcknowledged(this.acknowledgedBytes);
    } catch (error) {
      this.#inFlight.delete(index);
      this.#queue.putBack(index);
      if (signal.aborted) return;
      if (!isTransient(error)) {
        this.#fatal ??= { error };
        return;
      }
      if (error.code === "TIMEOUT") this.#deadline.passed();
      // When one fault hits several, the first counts.
      if (this.#trouble === undefined) this.#limit.failed();
      this.#trouble ??= error;
    } finally {
      this.#next();
    }
  }

  async #put(index: number, signal: AbortSignal): Promise<void> {
    const { start, end } = this.#queue.bytesOf(index);
    const { bytes, sha256 } = await this.#source.read(start, end);
    let isSending = false;
    try {
      if (!this.#digests.set(index, sha256)) throw new SourceChangedError();
      await this.#turn(signal);
      isSending = true;
      const begun = performance.now();
      const response = await this.#transport.send(`/uploads/${this.#upload.id}/chunks/${index}`, {
        method: "PUT",
        headers: { "content-type": "application/octet-stream", "content-digest": contentDigest(sha256) },
        body: bytes,
        signal,
        timeoutMs: this.#deadline.ms,
        onSent: (sent) => {
          if (!isSending) return;
          this.#sent.set(index, Math.min(sent, end - start));
          this.#options.onSent();
        },
      });
      this.#deadline.succeeded(performance.now() - begun);
      const acknowledged = await this.#transport.bodyOf(response, signal);
      // Who stands in between may say 200 to anything.
      if (acknowledged["id"] !== this.#upload.id) throw this.#transport.unexpected(response, acknowledged);
    } catch (error) {
      if (!(error instanceof StowageError)) throw error;
      if (error.code === "CHUNK_CONFLICT") throw new SourceChangedError(error);
      if (brokenOnTheWay.has(error.code)) {
        throw new StowageError("NETWORK_ERROR", "A chunk was changed on its way to the server.", { cause: error });
      }
      throw error;
    } finally {
      this.#source.release(bytes);
      this.#sent.delete(index);
      if (isSending) this.#sending--;
      isSending = false;
    }
  }

  /** Resolves when one more may be sent. */
  async #turn(signal: AbortSignal): Promise<void> {
    while (this.#trouble !== undefined || this.#sending >= this.#limit.value) {
      signal.throwIfAborted();
      const turn = deferred<void>();
      this.#ready.push(turn.resolve);
      await turn.promise;
    }
    signal.throwIfAborted();
    this.#sending++;
  }

  /** Lets those that are ready look whether it is their turn. */
  #next(): void {
    for (const resolve of this.#ready.splice(0)) resolve();
  }

  /** Waits, and asks what is missing now: some of what failed may have arrived, or another client sent it. */
  async #recover(trouble: StowageError, signal: AbortSignal): Promise<void> {
    const delayMs = this.#patience.failed(trouble);
    this.#options.onRetry(trouble, delayMs);
    await delay(delayMs, signal);
    try {
      const { uploadSession } = await this.#transport.ask(UploadSessionDocument, { id: this.#upload.id }, signal);
      // The server may have answered before it had stored what was acknowledged since.
      const settled = (index: number) => this.#inFlight.has(index) || this.#acknowledged.has(index);
      this.#queue.replace(stillMissing(uploadSession), settled);
      this.#trouble = undefined;
      this.#next();
      this.#options.onAcknowledged(this.acknowledgedBytes);
    } catch (error) {
      if (!isTransient(error)) throw error;
      this.#trouble = error;
    }
  }

  #sizeOf(index: number): number {
    const { start, end } = this.#queue.bytesOf(index);
    return end - start;
  }
}

/** @throws StowageError UPLOAD_CLOSED, NOT_FOUND */
export function stillMissing(upload: UploadFieldsFragment | null | undefined): ChunkRange[] {
  if (upload == null) throw new StowageError("NOT_FOUND", "This upload is not there any more.");
  if (upload.status === "ABORTED" || upload.status === "EXPIRED") {
    const message = `This upload was ${upload.status.toLowerCase()} meanwhile. Begin a new one.`;
    throw new StowageError("UPLOAD_CLOSED", message, { facts: { status: upload.status } });
  }
  return upload.missing;
}
