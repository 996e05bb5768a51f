import type { Migration } from "@mikro-orm/migrations";

const ROWS_AT_ONCE = 1_000;
const MAX_KEY_LENGTH = 512;

interface Row {
  id: string;
  filename: string;
  filename_key: string;
}

/** Makes anew what search and order by filename compare, where it changes. May run again. */
export async function foldFilenames(migration: Migration): Promise<void> {
  for (let after = ""; ; ) {
    const select = `select id, filename, filename_key from files where id > ? order by id limit ${ROWS_AT_ONCE}`;
    const rows = (await migration.execute(select, [after])) as unknown as Row[];
    for (const { id, filename, filename_key } of rows) {
      const key = filenameKey(filename);
      if (key === filename_key) continue;
      await migration.execute("update files set filename_key = ? where id = ?", [key, id]);
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < ROWS_AT_ONCE) return;
    after = last.id;
  }
}

/** The rule as it was then: a migration doesn't change with the code. */
function filenameKey(text: string): string {
  const folded = Array.from(text.normalize("NFC").toUpperCase(), (character) => character.toLowerCase()).join("");
  return folded.normalize("NFC").slice(0, MAX_KEY_LENGTH);
}
