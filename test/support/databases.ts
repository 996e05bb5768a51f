import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { inject } from "vitest";

/** Each test of what the database does runs on both. */
export const dialects = ["sqlite", "mysql"] as const;
export type Dialect = (typeof dialects)[number];

/** Whether what is long by nature runs in full: `npm run test:long`. */
const isLong = process.env["STOWAGE_TEST_LONG"] === "1";

/** For tests of whole processes: both in the long form, else the one that is named. */
export function acceptanceDialects(short: Dialect): readonly Dialect[] {
  return isLong ? dialects : [short];
}

/** A DATABASE_URL for a database that does not exist yet. */
export function newDatabaseUrl(dialect: Dialect, folder: string): string {
  return dialect === "sqlite"
    ? `sqlite:${join(folder, "metadata.sqlite")}`
    : `${inject("mysqlUrl")}/stowage_${randomBytes(8).toString("hex")}`;
}
