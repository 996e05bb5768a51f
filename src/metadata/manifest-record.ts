import { defineEntity, type InferEntity, p } from "@mikro-orm/core";
import { Chunk } from "./chunk-record.ts";
import { StoredFile } from "./file-record.ts";

/** An entry of a file's manifest: the chunk whose first byte is the file's byte at `offset`. */
export const FileChunk = defineEntity({
  name: "FileChunk",
  tableName: "file_chunks",
  properties: {
    file: () => p.manyToOne(StoredFile).primary().index(false),
    offset: p.bigint("number").unsigned(false).primary(),
    chunk: () => p.manyToOne(Chunk),
  },
});
export type FileChunk = InferEntity<typeof FileChunk>;
