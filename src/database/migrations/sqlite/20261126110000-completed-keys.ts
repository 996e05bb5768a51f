import { Migration } from "@mikro-orm/migrations";

export class Migration20261126110000CompletedKeys extends Migration {
  override up(): void {
    this.addSql("alter table files add column completed_key binary(32) null");
    this.addSql("create index files_completed_key on files (owner_id, completed_key)");
  }
}
