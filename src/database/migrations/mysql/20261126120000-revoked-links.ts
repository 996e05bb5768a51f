import { Migration } from "@mikro-orm/migrations";
import { hasColumn } from "./has-column.ts";

/** May run again. */
export class Migration20261126120000RevokedLinks extends Migration {
  override async up(): Promise<void> {
    if (await hasColumn(this, "download_links", "revoked")) return;
    this.addSql("alter table download_links add column revoked tinyint(1) not null default false");
  }
}
