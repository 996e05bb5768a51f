import { defineEntity, type InferEntity, p } from "@mikro-orm/core";
import { ChunkRecord } from "./chunk-record.ts";

/** A node that holds a copy of a chunk. */
export const ReplicaRecord = defineEntity({
  name: "ReplicaRecord",
  tableName: "chunk_replicas",
  indexes: [{ name: "chunk_replicas_by_node", properties: ["node", "chunk"] }],
  properties: {
    chunk: () => p.manyToOne(ChunkRecord).primary().index(false),
    node: p.string().length(64).primary(),
  },
});
export type ReplicaRecord = InferEntity<typeof ReplicaRecord>;
