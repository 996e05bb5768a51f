import { Migration } from "@mikro-orm/migrations";

const COLUMN = `
  select 1 from information_schema.columns
  where table_schema = database() and table_name = 'download_links' and column_name = 'revoked'`;

/** May run again: MySQL commits each statement by itself, and a start may be killed between two. */
export class Migration20261126120000RevokedLinks extends Migration {
  override async up(): Promise<void> {
    if ((await this.execute(COLUMN)).length > 0) return;
    this.addSql("alter table download_links add column revoked tinyint(1) not null default false");
  }
}
