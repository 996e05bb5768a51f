import { Migration } from "@mikro-orm/migrations";
import { hasColumn } from "./has-column.ts";

/** May run again. */
export class Migration20261128120000DisabledUsers extends Migration {
  override async up(): Promise<void> {
    if (await hasColumn(this, "users", "disabled_at")) return;
    this.addSql("alter table users add column disabled_at datetime(3) null");
  }
}
