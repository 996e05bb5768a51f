import type { Migration } from "@mikro-orm/migrations";

const COLUMN = `
  select 1 from information_schema.columns
  where table_schema = database() and table_name = ? and column_name = ?`;

/** Whether a migration that adds this column was here before: MySQL commits each statement by itself, and a start may be killed between two. */
export async function hasColumn(migration: Migration, table: string, column: string): Promise<boolean> {
  return (await migration.execute(COLUMN, [table, column])).length > 0;
}
