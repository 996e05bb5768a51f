import { Migration } from "@mikro-orm/migrations";

const COLUMN = `
  select 1 from information_schema.columns
  where table_schema = database() and table_name = 'files' and column_name = 'client'`;

/** May run again: MySQL commits each statement by itself, and a start may be killed between two. */
export class Migration20261127100000UploadClients extends Migration {
  override async up(): Promise<void> {
    if ((await this.execute(COLUMN)).length > 0) return;
    this.addSql("alter table files add column client varchar(64) null");
  }
}
