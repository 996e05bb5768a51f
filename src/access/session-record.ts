import { defineEntity, type InferEntity, p } from "@mikro-orm/core";
import { UserRecord } from "../accounts/user-record.ts";

export const SessionRecord = defineEntity({
  name: "SessionRecord",
  tableName: "access_tokens",
  properties: {
    id: p.uuid().primary(),
    user: () => p.manyToOne(UserRecord).deleteRule("cascade"),
    /** SHA-256 of the token, which itself is kept nowhere. */
    tokenHash: p.blob().columnType("binary(32)").unique(),
    createdAt: p.datetime(3),
    expiresAt: p.datetime(3).index(),
    lastUsedAt: p.datetime(3).nullable(),
    /** IP address of the last use. */
    lastUsedFrom: p.string().length(45).nullable().ignoreSchemaChanges("default"),
    /** What the program that signed in said of itself. */
    userAgent: p.string().length(255).nullable().ignoreSchemaChanges("default"),
  },
});
export type SessionRecord = InferEntity<typeof SessionRecord>;
