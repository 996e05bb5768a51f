import { defineEntity, type InferEntity, p } from "@mikro-orm/core";

export type UpkeepAct = "SCRUB" | "REBALANCE";

/** An administrator asked for a work on a whole node, or on all; it stays until that is done. */
export const UpkeepRequestRecord = defineEntity({
  name: "UpkeepRequestRecord",
  tableName: "upkeep_requests",
  properties: {
    act: p.string().$type<UpkeepAct>().length(16).primary(),
    /** Empty where the work is on all. */
    node: p.string().length(64).primary(),
    createdAt: p.datetime(3),
  },
});
export type UpkeepRequestRecord = InferEntity<typeof UpkeepRequestRecord>;
