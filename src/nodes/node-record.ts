import { defineEntity, type InferEntity, p } from "@mikro-orm/core";

/** What the instances agree on of a storage node; where it is, only their settings know. */
export const NodeRecord = defineEntity({
  name: "NodeRecord",
  tableName: "storage_nodes",
  properties: {
    name: p.string().length(64).primary(),
    /** The id that its place carries, or will carry once it is claimed. */
    identity: p.uuid(),
    /** Null until it is known that the place carries the identity: as long, an unclaimed place may be claimed. */
    claimedAt: p.datetime(3).nullable(),
    /** Takes no new blobs. */
    draining: p.boolean().default(false),
    createdAt: p.datetime(3),
  },
});
export type NodeRecord = InferEntity<typeof NodeRecord>;
