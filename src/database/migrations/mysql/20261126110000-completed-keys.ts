import { Migration } from "@mikro-orm/migrations";
import { hasColumn } from "./has-column.ts";

/** May run again. */
export class Migration20261126110000CompletedKeys extends Migration {
  override async up(): Promise<void> {
    if (await hasColumn(this, "files", "completed_key")) return;
    this.addSql(`alter table files
      add column completed_key binary(32) null,
      add index files_completed_key (owner_id, completed_key)`);
  }
}
