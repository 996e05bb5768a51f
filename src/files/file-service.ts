import { raw } from "@mikro-orm/core";
import { allow, type Principal } from "../access/principal.ts";
import { countDeleted } from "../accounts/storage-counters.ts";
import { UserRecord } from "../accounts/user-record.ts";
import type { Database } from "../database/database.ts";
import { findPage, type Page, type PageOrder, type PageRequest } from "../database/keyset-page.ts";
import { BadUserInputError, NotFoundError } from "../errors.ts";
import { FileRecord } from "../metadata/file-record.ts";
import { checkFilename, filenameKey, MAX_FILENAME_LENGTH } from "../metadata/filename.ts";
import { lockFile } from "../metadata/files.ts";
import { type ManifestEntry, readManifest, readManifestFrom } from "../metadata/manifests.ts";
import { isUuid } from "../runtime/uuid.ts";

export const fileOrders = {
  CREATED_AT_DESC: { properties: [{ id: "desc" }], index: "files_by_id" },
  CREATED_AT_ASC: { properties: [{ id: "asc" }], index: "files_by_id" },
  FILENAME_ASC: { properties: [{ filenameKey: "asc" }, { id: "asc" }], index: "files_by_filename" },
  FILENAME_DESC: { properties: [{ filenameKey: "desc" }, { id: "desc" }], index: "files_by_filename" },
  SIZE_DESC: { properties: [{ size: "desc" }, { id: "desc" }], index: "files_by_size" },
  SIZE_ASC: { properties: [{ size: "asc" }, { id: "asc" }], index: "files_by_size" },
} as const satisfies Record<string, Omit<PageOrder, "name">>;
export type FileOrder = keyof typeof fileOrders;

export const MAX_CHUNKS_LISTED = 1000;

export interface FileListing extends PageRequest {
  search?: string | null | undefined;
  orderBy: FileOrder;
}

/** The place of one chunk of a file. */
export interface ListedChunk extends ManifestEntry {
  /** Zero-based. */
  index: number;
}

/** What a user does with complete files; each method sees the caller's own files only. */
export class FileService {
  readonly #database: Database;
  readonly #onFreeable: () => void;

  /** @param onFreeable called when a file was deleted whose bytes can be freed now */
  constructor(database: Database, onFreeable: () => void) {
    this.#database = database;
    this.#onFreeable = onFreeable;
  }

  /** Finds a file; null when there is no such complete file of the user's. */
  async find(principal: Principal, id: string): Promise<FileRecord | null> {
    const user = allow(principal, "FILES_READ");
    if (!isUuid(id)) return null;
    return this.#database.read((em) => em.findOne(FileRecord, { id, owner: user.id, status: "COMPLETE" }));
  }

  async list(principal: Principal, { search, orderBy, ...page }: FileListing): Promise<Page<FileRecord>> {
    const user = allow(principal, "FILES_READ");
    if (search != null && ([...search].length > MAX_FILENAME_LENGTH || search.includes("\0"))) {
      throw new BadUserInputError("search", `search accepts at most ${MAX_FILENAME_LENGTH} characters, and no NUL.`);
    }
    const order = { name: orderBy, ...fileOrders[orderBy], isLong: Boolean(search) };
    // With an empty array for its value the fragment is formatted once. With an operator it would be twice, and a `?` in
    // the search would be taken for a placeholder.
    const matches = () => (search ? { [raw("instr(filename_key, ?) > 0", [filenameKey(search)])]: [] } : {});
    const where = () => ({ owner: user.id, status: "COMPLETE" as const, ...matches() });
    const found = await findPage(this.#database, FileRecord, where, order, page);
    return search ? found : { ...found, totalCount: () => this.#count(user) };
  }

  async rename(principal: Principal, id: string, filename: string): Promise<FileRecord> {
    const user = allow(principal, "FILES_WRITE");
    checkFilename(filename);
    return this.#database.transaction(async (em) => {
      const file = await lockFile(em, id, user.id);
      if (file?.status !== "COMPLETE") throw new NotFoundError("file");
      file.filename = filename;
      file.filenameKey = filenameKey(filename);
      return file;
    });
  }

  /** Takes the file out of sight at once; its bytes are freed in the background. Again on a deleted file: nothing. */
  async delete(principal: Principal, id: string): Promise<void> {
    const user = allow(principal, "FILES_WRITE");
    await this.#database.transaction(async (em) => {
      const file = await lockFile(em, id, user.id);
      if (file?.status === "DELETED") return;
      if (file?.status !== "COMPLETE") throw new NotFoundError("file");
      file.status = "DELETED";
      await countDeleted(em, user.id, file.size);
    });
    this.#onFreeable();
  }

  /**
   * @param from zero-based index of the first chunk
   * @param first how many, 0 to MAX_CHUNKS_LISTED
   */
  async chunks(file: FileRecord, from: number, first: number): Promise<ListedChunk[]> {
    if (first < 0 || first > MAX_CHUNKS_LISTED) {
      throw new BadUserInputError("first", `first accepts 0 to ${MAX_CHUNKS_LISTED}.`);
    }
    if (from < 0) throw new BadUserInputError("from", "from accepts a chunk's index, 0 or more.");
    if (first === 0) return [];
    const entries = await this.#database.read((em) =>
      file.isSequential
        ? readManifestFrom(em, file.id, from, first)
        : readManifest(em, file.id, from * file.chunkSize, first),
    );
    return entries.map((entry, position) => ({ ...entry, index: from + position }));
  }

  async #count(user: UserRecord): Promise<number> {
    const { fileCount } = await this.#database.read((em) =>
      em.findOneOrFail(UserRecord, user.id, { fields: ["fileCount"] }),
    );
    return fileCount;
  }
}
