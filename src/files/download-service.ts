import type { AccountService } from "../accounts/account-service.ts";
import type { Database } from "../database.ts";
import { DataUnavailableError, InvalidTokenError, NotFoundError, UnauthenticatedError } from "../errors.ts";
import type { ByteRange, StorageNode } from "../storage/storage-node.ts";
import type { DownloadLinkService } from "./download-link-service.ts";
import { StoredFile } from "./file.ts";
import { isId } from "./id.ts";
import { offsetOf, readManifest } from "./manifest-reader.ts";

/** Manifest entries read by one statement. */
const ENTRIES_PER_READ = 64;

/** What a request for a file's bytes carries. */
export interface DownloadAccess {
  /** The Authorization header's token. */
  bearer: string | undefined;
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
  readonly #accounts: AccountService;
  readonly #links: DownloadLinkService;

  constructor(database: Database, storage: StorageNode, accounts: AccountService, links: DownloadLinkService) {
    this.#database = database;
    this.#storage = storage;
    this.#accounts = accounts;
    this.#links = links;
  }

  /** @throws UnauthenticatedError without a valid token or a secret; NotFoundError when they don't open this file */
  async find(id: string, { bearer, secret }: DownloadAccess): Promise<DownloadableFile> {
    const user = bearer === undefined ? null : await this.#accounts.authenticate(bearer);
    if (user === null && secret === undefined) {
      throw bearer === undefined ? new UnauthenticatedError() : new InvalidTokenError();
    }
    const file = isId(id)
      ? await this.#database.read((em) => em.findOne(StoredFile, { id, status: "COMPLETE" }))
      : null;
    if (file === null) throw new NotFoundError("file");
    const allowed = file.owner.id === user?.id || (secret !== undefined && (await this.#links.opens(secret, id)));
    if (!allowed) throw new NotFoundError("file");
    const { filename, contentType, size, digest, completedAt } = file;
    if (digest == null || completedAt == null) throw new Error(`Complete file ${id} lacks its digest.`);
    return { id, filename, contentType, size, digest: Buffer.from(digest).toString("hex"), completedAt };
  }

  /**
   * The range's bytes in order, each verified. A yielded buffer is the caller's until it asks for the next one.
   * @throws DataUnavailableError at the first byte that can't be had
   */
  async *read(file: DownloadableFile, range: ByteRange, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    let position = range.start;
    const first = await this.#database.read((em) => offsetOf(em, file.id, position));
    let next = first ?? position;
    while (position < range.end) {
      const entries = await this.#database.read((em) => readManifest(em, file.id, next, ENTRIES_PER_READ));
      if (entries.length === 0) throw this.#gap(file, position);
      for (const { offset, chunk, nodes } of entries) {
        const end = offset + chunk.size;
        if (offset > position || end <= position) throw this.#gap(file, position);
        const within = { start: position - offset, end: Math.min(end, range.end) - offset };
        const blob = { id: chunk.id, size: chunk.size, checksums: chunk.blockChecksums, nodes };
        yield* this.#storage.read(blob, within, signal);
        position = offset + within.end;
        if (position >= range.end) return;
        next = position;
      }
    }
  }

  #gap(file: DownloadableFile, position: number): DataUnavailableError {
    return new DataUnavailableError(new Error(`The manifest of file ${file.id} has no chunk for byte ${position}.`));
  }
}
