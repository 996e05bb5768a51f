import { defineEntity, type InferEntity, p } from "@mikro-orm/core";
import { UserRecord } from "../accounts/user-record.ts";

export const ApiKeyRecord = defineEntity({
  name: "ApiKeyRecord",
  tableName: "api_keys",
  properties: {
    id: p.uuid().primary(),
    user: () => p.manyToOne(UserRecord).deleteRule("cascade"),
    /** SHA-256 of the key, which itself is kept nowhere. */
    keyHash: p.blob().columnType("binary(32)").unique(),
    name: p.string().length(100),
    /** Names of scopes, with a space between two. */
    scopes: p.string().length(255),
    createdAt: p.datetime(3),
    /** Null for a key without an end. */
    expiresAt: p.datetime(3).nullable(),
    lastUsedAt: p.datetime(3).nullable(),
    /** IP address of the last use. */
    lastUsedFrom: p.string().length(45).nullable().ignoreSchemaChanges("default"),
  },
});
export type ApiKeyRecord = InferEntity<typeof ApiKeyRecord>;
