import { Migration } from "@mikro-orm/migrations";

export class Migration20261128120000DisabledUsers extends Migration {
  override up(): void {
    this.addSql("alter table users add column disabled_at datetime null");
  }
}
