import { defineEntity, type InferEntity, p } from "@mikro-orm/core";

/** One stored blob; its id is its name on the nodes. */
export const ChunkRecord = defineEntity({
  name: "ChunkRecord",
  tableName: "chunks",
  properties: {
    id: p.uuid().primary(),
    /** Bytes. */
    size: p.integer(),
    sha256: p.blob().columnType("binary(32)"),
    /** CRC32 of each 256 KiB block in order, four bytes each, big-endian. */
    blockChecksums: p.blob().columnType("varbinary(1024)"),
    createdAt: p.datetime(3),
    /** When it was marked for freeing: from then on nothing may refer to it. */
    freeingAt: p.datetime(3).nullable(),
  },
});
export type ChunkRecord = InferEntity<typeof ChunkRecord>;
