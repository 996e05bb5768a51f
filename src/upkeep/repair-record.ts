import { defineEntity, type InferEntity, p } from "@mikro-orm/core";

/**
 * Why a chunk needs attention. STRAY: a node has a copy that no row tells of, or one set aside; UNRESTORABLE: an attempt found no good copy.
 */
export type RepairReason = "MISSING" | "CORRUPT" | "UNDER_REPLICATED" | "STRAY" | "UNRESTORABLE";

/** A chunk whose copies are to be looked at. It may be gone already, or its row not be there yet. */
export const RepairRecord = defineEntity({
  name: "RepairRecord",
  tableName: "repairs",
  indexes: [{ name: "repairs_by_turn", properties: ["nextAttemptAt"] }],
  properties: {
    chunkId: p.string().length(36).primary(),
    reason: p.string().$type<RepairReason>().length(16),
    /** Attempts that failed. */
    attempts: p.integer(),
    nextAttemptAt: p.datetime(3),
    createdAt: p.datetime(3),
  },
});
export type RepairRecord = InferEntity<typeof RepairRecord>;
