import { defineEntity, type InferEntity, p } from "@mikro-orm/core";

export const roles = ["USER", "ADMIN"] as const;
export type Role = (typeof roles)[number];

/** Begins the keys of users whom issuers' tokens sign in: no username and no email address does. */
export const ISSUED_KEY = "@";

export const UserRecord = defineEntity({
  name: "UserRecord",
  tableName: "users",
  properties: {
    id: p.uuid().primary(),
    username: p.string().length(32),
    /** The username in lower case: unique whatever the case of what people typed. */
    usernameKey: p.string().length(32).unique(),
    email: p.string().length(254),
    emailKey: p.string().length(254).unique(),
    passwordHash: p.string().length(255),
    role: p.string().$type<Role>().length(16),
    /** Complete files: kept in the transactions that change it, so that a listing's total costs no count. */
    fileCount: p.integer().default(0),
    /** Bytes of complete files. As `reservedBytes`, only the functions of storage-counters.ts change it. */
    usedBytes: p.bigint("number").defaultRaw("0"),
    /** Bytes of open uploads, in their whole size. */
    reservedBytes: p.bigint("number").defaultRaw("0"),
    /** Bytes that the two may come to; null for the server's default. */
    quotaBytes: p.bigint("number").nullable(),
    createdAt: p.datetime(3),
    /** Since when the user, and all by which they get in, is kept out; null where they are not. */
    disabledAt: p.datetime(3).nullable(),
  },
});
export type UserRecord = InferEntity<typeof UserRecord>;
