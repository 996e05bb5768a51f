import { Migration } from "@mikro-orm/migrations";

const COLUMN = `
  select 1 from information_schema.columns
  where table_schema = database() and table_name = 'files' and column_name = 'completed_key'`;

/** May run again: MySQL commits each statement by itself, and a start may be killed between two. */
export class Migration20261126110000CompletedKeys extends Migration {
  override async up(): Promise<void> {
    if ((await this.execute(COLUMN)).length > 0) return;
    this.addSql(`alter table files
      add column completed_key binary(32) null,
      add index files_completed_key (owner_id, completed_key)`);
  }
}
