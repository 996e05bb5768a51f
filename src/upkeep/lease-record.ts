import { defineEntity, type InferEntity, p } from "@mikro-orm/core";

/** A work that only one process may do at a time, and who does it. */
export const LeaseRecord = defineEntity({
  name: "LeaseRecord",
  tableName: "leases",
  properties: {
    /** Name of the work. */
    name: p.string().length(64).primary(),
    /** UUID of one holding of it. */
    holder: p.string().length(36),
    /** Milliseconds since 1970 by the database's clock: from then on it is anybody's. */
    expiresAt: p.bigint("number"),
  },
});
export type LeaseRecord = InferEntity<typeof LeaseRecord>;
