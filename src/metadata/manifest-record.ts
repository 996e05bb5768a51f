import { defineEntity, type InferEntity, p } from "@mikro-orm/core";
import { ChunkRecord } from "./chunk-record.ts";
import { FileRecord } from "./file-record.ts";

/** An entry of a file's manifest: the chunk whose first byte is the file's byte at `offset`. */
export const ManifestRecord = defineEntity({
  name: "ManifestRecord",
  tableName: "file_chunks",
  properties: {
    file: () => p.manyToOne(FileRecord).primary().index(false),
    offset: p.bigint("number").unsigned(false).primary(),
    chunk: () => p.manyToOne(ChunkRecord),
  },
});
export type ManifestRecord = InferEntity<typeof ManifestRecord>;
