import { defineEntity, type InferEntity, p } from "@mikro-orm/core";

/** This database's own id, in its one row: the nodes carry it, so that no other database's blobs are taken for ours. */
export const DeploymentRecord = defineEntity({
  name: "DeploymentRecord",
  tableName: "deployment",
  properties: { id: p.uuid().primary() },
});
export type DeploymentRecord = InferEntity<typeof DeploymentRecord>;
