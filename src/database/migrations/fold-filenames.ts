import type { Migration } from "@mikro-orm/migrations";

const ROWS_AT_ONCE = 1_000;
const MAX_KEY_LENGTH = 512;

interface Row {
  id: string;
  filename: string;
  filename_key: string;
}

/** Makes anew what search and order by filename compare, where it changes. May run again. */
export function foldFilenames(migration: Migration): Promise<void> {
  return fold(migration, "");
}

/** Makes it anew where a name has a capital sharp s. May run again. */
export function foldSharpS(migration: Migration): Promise<void> {
  return fold(migration, "and filename like '%\u1e9e%'");
}

async function fold(migration: Migration, where: string): Promise<void> {
  for (let after = ""; ; ) {
    const select = `select id, filename, filename_key from files where id > ? ${where} order by id limit ${ROWS_AT_ONCE}`;
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

/** The rule as it is since the later of the two: a migration doesn't change with the code. */
function filenameKey(text: string): string {
  const lower = (name: string) => Array.from(name, (character) => character.toLowerCase()).join("");
  return lower(lower(text.normalize("NFC")).toUpperCase())
    .normalize("NFC")
    .slice(0, MAX_KEY_LENGTH);
}
