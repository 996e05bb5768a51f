import type { Database, EntityManager } from "./database.ts";

const ROWS_PER_STEP = 500;

/**
 * Deletes rows some at a time, so that no statement takes long however many there are.
 * @param find ids of rows that are to go, at most so many
 * @param remove deletes the rows of these ids
 */
export async function deleteInSteps(
  database: Database,
  find: (em: EntityManager, limit: number) => Promise<string[]>,
  remove: (em: EntityManager, ids: string[]) => Promise<unknown>,
): Promise<void> {
  for (;;) {
    const ids = await database.read((em) => find(em, ROWS_PER_STEP));
    if (ids.length > 0) await database.transaction((em) => remove(em, ids));
    if (ids.length < ROWS_PER_STEP) return;
  }
}
