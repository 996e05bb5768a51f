import { defineEntity, type InferEntity, p } from "@mikro-orm/core";

export const roles = ["USER", "ADMIN"] as const;
export type Role = (typeof roles)[number];

export const User = defineEntity({
  name: "User",
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
    createdAt: p.datetime(3),
  },
});
export type User = InferEntity<typeof User>;
