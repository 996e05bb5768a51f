import { createHash } from "node:crypto";
import { LockMode } from "@mikro-orm/core";
import { allow, type Principal } from "../access/principal.ts";
import { countCompleted } from "../accounts/storage-counters.ts";
import type { UserRecord } from "../accounts/user-record.ts";
import type { Database, EntityManager } from "../database/database.ts";
import { ApiError, BadUserInputError, NotFoundError } from "../errors.ts";
import { FileRecord } from "../metadata/file-record.ts";
import { chunkDigests, moveManifest } from "../metadata/manifests.ts";
import { isUuid } from "../runtime/uuid.ts";
import { MAX_CHUNKS } from "./chunk-plan.ts";
import { CreationRecord } from "./creation-record.ts";
import { planUpload, type UploadPlan } from "./upload-request.ts";
import { type Creation, newUpload, refuseClosed, type UploadPolicy } from "./upload-service.ts";

export interface Concatenation {
  filename: string;
  contentType?: string | undefined;
  /** The parts' ids in the order of their bytes, each once. */
  partIds: readonly string[];
}

/** Makes files of parts. */
export class ConcatenationService {
  readonly #database: Database;
  readonly #options: UploadPolicy;
  readonly #onFreeable: () => void;

  /** @param onFreeable called when the rows of parts can be tidied away */
  constructor(database: Database, options: UploadPolicy, onFreeable: () => void) {
    this.#database = database;
    this.#options = options;
    this.#onFreeable = onFreeable;
  }

  /**
   * Makes one complete file of whole parts, which are used up by it. The same parts in the same order again: the same
   * file. What the parts had reserved of the quota is what the file uses.
   * @throws ApiError NOT_FOUND, UPLOAD_CLOSED, UPLOAD_INCOMPLETE with `incomplete`, FILE_TOO_LARGE, BAD_USER_INPUT
   */
  async concatenate(principal: Principal, request: Concatenation, creation: Creation): Promise<FileRecord> {
    const user = allow(principal, "FILES_WRITE");
    const { partIds } = request;
    if (new Set(partIds).size < partIds.length) {
      throw new BadUserInputError("partIds", "A part is concatenated once: its bytes become the file's.");
    }
    const parts = await this.#database.read((em) => findParts(em, user, partIds));
    if (parts.every((part) => part.status === "CONCATENATED")) return this.#again(user, partIds, creation);
    const plan = this.#plan(request, parts);
    const digest = await this.#digest(parts);
    const file = await this.#database.transaction((em) => this.#make(em, user, partIds, plan, digest, creation));
    if (file === null) return this.#again(user, partIds, creation);
    this.#onFreeable();
    return file;
  }

  #plan({ filename, contentType }: Concatenation, parts: readonly FileRecord[]): UploadPlan {
    refuseUnfit(parts);
    const size = sum(parts, (part) => part.size);
    const chunks = sum(parts, (part) => part.receivedChunks);
    if (chunks > MAX_CHUNKS) {
      throw new BadUserInputError("partIds", `A file has at most ${MAX_CHUNKS} chunks; these parts have ${chunks}.`);
    }
    const plan = planUpload({ filename, isSequential: true, size, contentType }, this.#options);
    return { ...plan, chunkSize: Math.max(...parts.map((part) => part.chunkSize)) };
  }

  async #digest(parts: readonly FileRecord[]): Promise<Buffer> {
    const hash = createHash("sha256");
    for (const part of parts) for await (const digest of chunkDigests(this.#database, part.id)) hash.update(digest);
    return hash.digest();
  }

  /** @returns null when somebody concatenated the parts meanwhile */
  async #make(
    em: EntityManager,
    user: UserRecord,
    partIds: readonly string[],
    plan: UploadPlan,
    digest: Buffer,
    creation: Creation,
  ): Promise<FileRecord | null> {
    const parts = await findParts(em, user, partIds, LockMode.PESSIMISTIC_WRITE);
    if (parts.every((part) => part.status === "CONCATENATED")) return null;
    // A whole part never changes but by being closed: the digest holds.
    refuseUnfit(parts);
    await countCompleted(em, user.id, plan.size);
    const file = newUpload(em, user, plan, this.#options.expiryMs);
    const { createdAt } = file;
    const receivedChunks = sum(parts, (part) => part.receivedChunks);
    Object.assign(file, {
      status: "COMPLETE",
      digest,
      receivedChunks,
      receivedBytes: plan.size,
      completedAt: createdAt,
    });
    await em.persist(file).flush();
    await em.insert(CreationRecord, { file: file.id, ...creation, finalId: "" });
    let offset = 0;
    for (const part of parts) {
      await moveManifest(em, part.id, file.id, offset);
      offset += part.size;
      part.status = "CONCATENATED";
    }
    await em.nativeUpdate(CreationRecord, { file: { $in: [...partIds] } }, { finalId: file.id });
    return file;
  }

  /** The file that the same request made of these parts before. */
  async #again(user: UserRecord, partIds: readonly string[], creation: Creation): Promise<FileRecord> {
    return this.#database.read(async (em) => {
      const part = await em.findOne(CreationRecord, { file: partIds[0] as string });
      const id = part?.finalId ?? "";
      const made = await em.findOne(CreationRecord, { file: id });
      const file = await em.findOne(FileRecord, { id, owner: user.id, status: "COMPLETE" });
      if (file === null || made?.concat !== creation.concat) {
        const message = "These parts were concatenated already, and not to a file that is still there.";
        throw new ApiError("UPLOAD_CLOSED", message, { status: "COMPLETED" });
      }
      return file;
    });
  }
}

/** The user's parts in the order asked for. @throws NotFoundError, or BadUserInputError for what isn't a part */
async function findParts(
  em: EntityManager,
  user: UserRecord,
  ids: readonly string[],
  lockMode: LockMode.NONE | LockMode.PESSIMISTIC_WRITE = LockMode.NONE,
): Promise<FileRecord[]> {
  // Locked in one order by everybody, so that no two wait for each other.
  const where = { id: { $in: ids.filter(isUuid) }, owner: user.id };
  const found = await em.find(FileRecord, where, { orderBy: { id: "asc" }, lockMode });
  const byId = new Map(found.map((part) => [part.id, part]));
  return ids.map((id) => {
    const part = byId.get(id);
    if (part === undefined || !part.isSequential) throw new NotFoundError("upload");
    if (part.isPart) return part;
    throw new BadUserInputError("partIds", `${id} is no part: it was not begun as one.`);
  });
}

function refuseUnfit(parts: readonly FileRecord[]): void {
  for (const part of parts) refuseClosed(part);
  const incomplete = parts.filter((part) => !part.sizeKnown || part.receivedBytes < part.size).map((part) => part.id);
  if (incomplete.length === 0) return;
  throw new ApiError("UPLOAD_INCOMPLETE", "Some of the parts are not whole yet.", { incomplete });
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
