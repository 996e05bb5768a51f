import { Migration } from "@mikro-orm/migrations";

const COLUMN = `
  select 1 from information_schema.columns
  where table_schema = database() and table_name = 'users' and column_name = 'quota_bytes'`;

/** May run again: MySQL commits each statement by itself, and a start may be killed between two. */
export class Migration20261122110000Quotas extends Migration {
  override async up(): Promise<void> {
    // MySQL, unlike MariaDB, knows no `add column if not exists`.
    if ((await this.execute(COLUMN)).length === 0) {
      this.addSql(`alter table users
        add column used_bytes bigint not null default 0,
        add column reserved_bytes bigint not null default 0,
        add column quota_bytes bigint null`);
    }
    this.addSql(`update users set
      used_bytes = coalesce((select sum(size) from files where owner_id = users.id and status = 'COMPLETE'), 0),
      reserved_bytes = coalesce((select sum(size) from files where owner_id = users.id and status = 'OPEN'), 0)`);
  }
}
