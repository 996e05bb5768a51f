import { defineEntity, type InferEntity, p } from "@mikro-orm/core";
import { UserRecord } from "../accounts/user-record.ts";

/** A user whom an issuer's tokens sign in. */
export const IdentityRecord = defineEntity({
  name: "IdentityRecord",
  tableName: "identities",
  properties: {
    issuer: p.string().length(255).primary(),
    subject: p.string().length(255).primary(),
    user: () => p.manyToOne(UserRecord).deleteRule("cascade"),
  },
});
export type IdentityRecord = InferEntity<typeof IdentityRecord>;
