import type { Database } from "../database/database.ts";
import { type UpkeepAct, UpkeepRequestRecord } from "./upkeep-request-record.ts";

/** What administrators asked for and is not done yet, kept in the database: whoever has the time does it. */
export class UpkeepRequests {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Sets a request down, unless it is there already. */
  async add(act: UpkeepAct, node = ""): Promise<void> {
    const request = { act, node, createdAt: new Date() };
    await this.#database.transaction((em) => em.upsert(UpkeepRequestRecord, request, { onConflictAction: "ignore" }));
  }

  find(act: UpkeepAct): Promise<UpkeepRequestRecord[]> {
    return this.#database.read((em) => em.find(UpkeepRequestRecord, { act }, { orderBy: { node: "asc" } }));
  }

  async remove({ act, node }: UpkeepRequestRecord): Promise<void> {
    await this.#database.transaction((em) => em.nativeDelete(UpkeepRequestRecord, { act, node }));
  }
}
