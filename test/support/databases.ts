import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { inject } from "vitest";

/** Each test of what the database does runs on both. */
export const dialects = ["sqlite", "mysql"] as const;
export type Dialect = (typeof dialects)[number];

/** A DATABASE_URL for a database that does not exist yet. */
export function newDatabaseUrl(dialect: Dialect, folder: string): string {
  return dialect === "sqlite"
    ? `sqlite:${join(folder, "metadata.sqlite")}`
    : `${inject("mysqlUrl")}/stowage_${randomBytes(8).toString("hex")}`;
}
