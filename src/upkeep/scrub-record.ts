import { defineEntity, type InferEntity, p } from "@mikro-orm/core";

/** A node's pass through all its chunks: the one under way, or else the last. */
export const ScrubRecord = defineEntity({
  name: "ScrubRecord",
  tableName: "scrubs",
  properties: {
    node: p.string().length(64).primary(),
    /** Chunks that are younger are the next pass's. */
    startedAt: p.datetime(3),
    finishedAt: p.datetime(3).nullable(),
    /** The id of the last chunk that was verified; empty before the first. */
    position: p.string().length(36),
    /** Chunks on the node when the pass began. */
    totalChunks: p.bigint("number"),
    verifiedChunks: p.bigint("number"),
    verifiedBytes: p.bigint("number"),
    badChunks: p.bigint("number"),
  },
});
export type ScrubRecord = InferEntity<typeof ScrubRecord>;
