import { Migration } from "@mikro-orm/migrations";

export class Migration20261126120000RevokedLinks extends Migration {
  override up(): void {
    this.addSql("alter table download_links add column revoked integer not null default false");
  }
}
