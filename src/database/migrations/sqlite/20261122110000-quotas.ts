import { Migration } from "@mikro-orm/migrations";

export class Migration20261122110000Quotas extends Migration {
  override up(): void {
    this.addSql("alter table users add column used_bytes bigint not null default 0");
    this.addSql("alter table users add column reserved_bytes bigint not null default 0");
    this.addSql("alter table users add column quota_bytes bigint null");
    this.addSql(`update users set
      used_bytes = coalesce((select sum(size) from files where owner_id = users.id and status = 'COMPLETE'), 0),
      reserved_bytes = coalesce((select sum(size) from files where owner_id = users.id and status = 'OPEN'), 0)`);
  }
}
