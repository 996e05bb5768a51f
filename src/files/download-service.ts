import type { Authenticator } from "../access/authenticator.ts";
import { allow } from "../access/principal.ts";
import type { Database } from "../database/database.ts";
import { DataUnavailableError, InvalidTokenError, NotFoundError, UnauthenticatedError } from "../errors.ts";
import { FileRecord } from "../metadata/file-record.ts";
import { readManifestAt } from "../metadata/manifests.ts";
import { isUuid } from "../runtime/uuid.ts";
import type { ByteRange, StorageNode, StoredBlob } from "../storage/storage-node.ts";
import type { DownloadLinkService } from "./download-link-service.ts";

/** Manifest entries that the first statement of a range reads; each further one reads ENTRIES_GROWTH times as many. */
const FIRST_ENTRIES = 2;
const ENTRIES_GROWTH = 8;
const MOST_ENTRIES = 128;
/** When no more than so many bytes of a chunk are to come, the next chunk is begun. */
const READ_AHEAD = 1024 * 1024;

/** What a request for a file's bytes carries. */
export interface DownloadAccess {
  /** The token that it came with. */
  token: string | undefined;
  /** IP address that it came from. */
  address: string;
  /** A download link's secret. */
  secret: string | undefined;
}

export interface DownloadableFile {
  id: string;
  filename: string;
  contentType: string;
  /** Bytes. */
  size: number;
  /** Lower-case hex. */
  digest: string;
  completedAt: Date;
}

/** Gives out the bytes of complete files. */
export class DownloadService {
  readonly #database: Database;
  readonly #storage: StorageNode;
  readonly #authenticator: Authenticator;
  readonly #links: DownloadLinkService;

  constructor(database: Database, storage: StorageNode, authenticator: Authenticator, links: DownloadLinkService) {
    this.#database = database;
    this.#storage = storage;
    this.#authenticator = authenticator;
    this.#links = links;
  }

  /** @throws UnauthenticatedError without a valid token or a secret; NotFoundError when they don't open this file */
  async find(id: string, { token, address, secret }: DownloadAccess): Promise<DownloadableFile> {
    const principal = token === undefined ? null : await this.#authenticator.authenticate(token, address);
    if (principal === null && secret === undefined) {
      throw token === undefined ? new UnauthenticatedError() : new InvalidTokenError();
    }
    const file = isUuid(id)
      ? await this.#database.read((em) => em.findOne(FileRecord, { id, status: "COMPLETE" }))
      : null;
    if (file === null) throw new NotFoundError("file");
    const isOwner = principal !== null && file.owner.id === principal.user.id;
    const isOpen = secret !== undefined && (await this.#links.opens(secret, id));
    if (!isOwner && !isOpen) throw new NotFoundError("file");
    if (!isOpen && principal !== null) allow(principal, "FILES_READ");
    const { filename, contentType, size, digest, completedAt } = file;
    if (digest == null || completedAt == null) throw new Error(`Complete file ${id} lacks its digest.`);
    return { id, filename, contentType, size, digest: Buffer.from(digest).toString("hex"), completedAt };
  }

  /**
   * The range's bytes in order, each verified. A yielded buffer is the caller's until it asks for the next one.
   * @throws DataUnavailableError at the first byte that can't be had, NotFoundError there when the file was deleted meanwhile
   */
  async *read(file: DownloadableFile, range: ByteRange, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const ranges = this.#ranges(file, range);
    let current: OpenRange | undefined;
    let next: OpenRange | undefined;
    try {
      next = this.#begin(await ranges.next(), signal);
      while (next !== undefined) {
        current = next;
        next = undefined;
        let left = current.bytes;
        for (let piece = await current.first; !piece.done; piece = await current.pieces.next()) {
          left -= piece.value.length;
          // Ahead, across the border of chunks and perhaps of nodes, so that the client needn't wait there.
          if (left <= READ_AHEAD) next ??= this.#begin(await ranges.next(), signal);
          yield piece.value;
        }
      }
    } catch (error) {
      const isGone = error instanceof DataUnavailableError && !(await this.#isThere(file.id).catch(() => true));
      throw isGone ? new NotFoundError("file") : error;
    } finally {
      // For a caller that stops early.
      await Promise.all([current?.pieces.return?.(), next?.pieces.return?.()]);
    }
  }

  async #isThere(id: string): Promise<boolean> {
    return (await this.#database.read((em) => em.count(FileRecord, { id, status: "COMPLETE" }))) > 0;
  }

  #begin(next: IteratorResult<BlobRange, void>, signal: AbortSignal): OpenRange | undefined {
    if (next.done) return undefined;
    const { blob, within } = next.value;
    const pieces = this.#storage.read(blob, within, signal)[Symbol.asyncIterator]();
    const first = pieces.next();
    // Whoever awaits it hears of its failure; until then it must not count as unhandled.
    first.catch(() => {});
    return { pieces, first, bytes: within.end - within.start };
  }

  /** The ranges of blobs that make up the file's range. */
  async *#ranges(file: DownloadableFile, range: ByteRange): AsyncGenerator<BlobRange, void> {
    let position = range.start;
    let limit = FIRST_ENTRIES;
    while (position < range.end) {
      const from = position;
      const entries = await this.#database.read((em) => readManifestAt(em, file.id, from, limit));
      if (entries.length === 0) throw this.#gap(file, position);
      for (const { offset, blob } of entries) {
        const end = offset + blob.size;
        if (offset > position || end <= position) throw this.#gap(file, position);
        const within = { start: position - offset, end: Math.min(end, range.end) - offset };
        position = offset + within.end;
        yield { blob, within };
        if (position >= range.end) return;
      }
      limit = Math.min(limit * ENTRIES_GROWTH, MOST_ENTRIES);
    }
  }

  #gap(file: DownloadableFile, position: number): DataUnavailableError {
    return new DataUnavailableError(new Error(`The manifest of file ${file.id} has no chunk for byte ${position}.`));
  }
}

interface BlobRange {
  blob: StoredBlob;
  /** Range of the blob's bytes. */
  within: ByteRange;
}

/** A range whose reading has begun. */
interface OpenRange {
  pieces: AsyncIterator<Uint8Array>;
  first: Promise<IteratorResult<Uint8Array>>;
  bytes: number;
}
