import type { EntityManager } from "../database/database.ts";

const ROWS_PER_STATEMENT = 200;

/** @param into the table and its columns, as in `chunks (id, size)`; @param rows their values, none for nothing to do */
export async function insertRows(em: EntityManager, into: string, rows: readonly unknown[][]): Promise<void> {
  for (let start = 0; start < rows.length; start += ROWS_PER_STATEMENT) {
    const some = rows.slice(start, start + ROWS_PER_STATEMENT);
    const places = some.map((row) => `(${row.map(() => "?").join(", ")})`).join(", ");
    await em.execute(`insert into ${into} values ${places}`, some.flat(), "run");
  }
}

/** @returns the placeholders of a list of so many values, without its parentheses; at least one is needed */
export function placeholders(count: number): string {
  return Array(count).fill("?").join(", ");
}
