import { Migration } from "@mikro-orm/migrations";
import { hasColumn } from "./has-column.ts";

/** May run again. */
export class Migration20261122110000Quotas extends Migration {
  override async up(): Promise<void> {
    // MySQL, unlike MariaDB, knows no `add column if not exists`.
    if (!(await hasColumn(this, "users", "quota_bytes"))) {
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
