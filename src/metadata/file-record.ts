import { defineEntity, type InferEntity, p } from "@mikro-orm/core";
import { UserRecord } from "../accounts/user-record.ts";

/** CONCATENATED is a part whose bytes belong to another file now. */
export type FileStatus = "OPEN" | "COMPLETE" | "ABORTED" | "EXPIRED" | "DELETED" | "CONCATENATED";

/** Statuses in which nobody can ask for the chunks any more. The rows stay for a while, for requests that are repeated. */
export const closedStatuses = ["ABORTED", "EXPIRED", "DELETED", "CONCATENATED"] as const satisfies FileStatus[];

/** A file, and the upload that it was: the same row, the same id. */
export const FileRecord = defineEntity({
  name: "FileRecord",
  tableName: "files",
  indexes: [
    { name: "files_by_id", properties: ["owner", "status", "id"] },
    { name: "files_by_filename", properties: ["owner", "status", "filenameKey", "id"] },
    { name: "files_by_size", properties: ["owner", "status", "size", "id"] },
    { name: "files_by_expiry", properties: ["status", "expiresAt"] },
    { name: "files_by_freeing", properties: ["status", "freedAt", "id"] },
    { name: "files_completed_key", properties: ["owner", "completedKey"] },
  ],
  uniques: [{ name: "files_resume_key", properties: ["owner", "resumeKey"] }],
  properties: {
    /** UUIDv7 of the moment in `createdAt`: order by id is order by creation. */
    id: p.uuid().primary(),
    owner: () => p.manyToOne(UserRecord).index(false),
    filename: p.string().length(255),
    /** What search and order by filename look at. */
    filenameKey: p.string().length(512),
    contentType: p.string().length(255),
    /** True when bytes come in order, in chunks of any size; otherwise they come by a plan, in any order. */
    isSequential: p.boolean().defaultRaw("false"),
    /** True for a sequential upload that is there to be concatenated: it is never a file by itself. */
    isPart: p.boolean().defaultRaw("false"),
    /**
     * What the program that began it calls itself. MariaDB tells its default, null, as a text, which MikroORM takes for
     * another than none.
     */
    client: p.string().length(64).nullable().ignoreSchemaChanges("default"),
    /** Bytes. */
    size: p.bigint("number"),
    /** False for a sequential upload whose client doesn't know yet how much it will send: `size` is what has come so far. */
    sizeKnown: p.boolean().defaultRaw("true"),
    /** Bytes of each chunk but the last; of sequential ones, what each has at most. */
    chunkSize: p.integer(),
    status: p.string().$type<FileStatus>().length(16),
    receivedChunks: p.integer(),
    receivedBytes: p.bigint("number"),
    /** SHA-256 over the chunks' SHA-256 digests in order; null until complete. */
    digest: p.blob().columnType("binary(32)").nullable(),
    /** SHA-256 of the client's resume key, while the upload is open. */
    resumeKey: p.blob().columnType("binary(32)").nullable(),
    /** SHA-256 over that and the filename, once the upload is complete. */
    completedKey: p.blob().columnType("binary(32)").nullable(),
    createdAt: p.datetime(3),
    completedAt: p.datetime(3).nullable(),
    /** When an upload expires if nothing more arrives. */
    expiresAt: p.datetime(3),
    /** When the last chunk of an aborted, expired or deleted one was removed from the nodes. */
    freedAt: p.datetime(3).nullable(),
  },
});
export type FileRecord = InferEntity<typeof FileRecord>;
