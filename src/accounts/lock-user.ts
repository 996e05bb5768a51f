import type { EntityManager } from "../database/database.ts";

/** Locks the user's row until the transaction ends: of what happens to one account at once, one waits for the other. */
export async function lockUser(em: EntityManager, id: string): Promise<void> {
  await em.execute("update users set role = role where id = ?", [id], "run");
}
