import { randomUUID } from "node:crypto";
import { Migration } from "@mikro-orm/migrations";

const options = "default character set utf8mb4 collate utf8mb4_bin engine = InnoDB";

/** Each statement may run again, as in the initial one. */
export class Migration20261122100000StorageNodes extends Migration {
  override up(): void {
    this.addSql(`create table if not exists deployment (
      id varchar(36) not null,
      primary key (id)
    ) ${options}`);
    this.addSql(
      `insert into deployment (id) select '${randomUUID()}' from dual where not exists (select 1 from deployment)`,
    );
    this.addSql(`create table if not exists storage_nodes (
      name varchar(64) not null,
      identity varchar(36) not null,
      claimed_at datetime(3) null,
      draining tinyint(1) not null default false,
      created_at datetime(3) not null,
      primary key (name)
    ) ${options}`);
  }
}
